"""What all tests share: which library is under test.

``pytest --library build/submission/submission.ipynb tests/birdlib`` takes the library out of a built notebook (or
takes a folder that holds one) and runs the library's own tests against that copy.
"""

import ast
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY_TESTS = ROOT / "tests" / "birdlib"
_library = pytest.StashKey[Path]()


def pytest_addoption(parser):
    parser.addoption(
        "--library",
        metavar="NOTEBOOK|FOLDER",
        type=Path,
        help="run birdlib's tests against the library in this built notebook, or in this folder",
    )


def pytest_configure(config):
    source = config.getoption("--library")
    if source is None:
        return
    source = source.resolve()
    if source.suffix == ".ipynb":
        import nbformat

        from kernelgen.inlining.extraction import take_library

        folder = Path(config.rootpath) / "build" / "library-under-test" / source.stem
        if not hasattr(config, "workerinput"):  # of several test processes the first one takes it out
            shutil.rmtree(folder, ignore_errors=True)  # an earlier library may have had other modules
            for file, data in take_library(nbformat.read(source, 4)).items():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(data)
    else:
        folder = source
    if not (folder / "birdlib").is_dir():
        raise pytest.UsageError(f"--library {source}: there is no birdlib in it; name a built notebook or its library")
    if any(name.partition(".")[0] == "birdlib" for name in sys.modules):
        raise pytest.UsageError("--library: birdlib is imported already; name it before anything that imports it")
    sys.path.insert(0, str(folder))
    config.stash[_library] = folder


def pytest_ignore_collect(collection_path, config):
    """Leave out what the copy cannot answer for: other rooms, and tests of modules that it does not hold."""
    folder = config.stash.get(_library, None)
    if folder is None or LIBRARY_TESTS == collection_path or collection_path in LIBRARY_TESTS.parents:
        return None
    if LIBRARY_TESTS not in collection_path.parents:
        return True
    tests = collection_path / "conftest.py" if collection_path.is_dir() else collection_path
    return True if tests.suffix == ".py" and tests.exists() and _missing(tests, folder) else None


def _missing(path, folder):
    """Modules of birdlib that a test file imports and the copy does not hold."""
    found, missing = set(), []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level and node.module:  # what tests share
            shared = path.parents[node.level - 1].joinpath(*node.module.split(".")).with_suffix(".py")
            missing += _missing(shared, folder) if shared.exists() and shared != path else []
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "birdlib":
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] == "birdlib"}
    places = [folder.joinpath(*name.split(".")) for name in found]
    return missing + [place for place in places if not place.with_suffix(".py").exists() and not place.is_dir()]


def pytest_report_header(config):
    folder = config.stash.get(_library, None)
    return f"library under test: {folder}" if folder else None


@pytest.fixture(autouse=True, scope="session")
def _the_named_library_is_the_one_that_runs(request):
    folder = request.config.stash.get(_library, None)
    if folder is None:
        yield
        return
    where = Path(importlib.util.find_spec("birdlib").origin).resolve()
    assert folder.resolve() in where.parents, f"birdlib comes from {where}, not from {folder}"
    yield
    elsewhere = [
        name
        for name, module in sys.modules.items()
        if name.partition(".")[0] == "birdlib"
        and getattr(module, "__file__", None)
        and folder.resolve() not in Path(module.__file__).resolve().parents
    ]
    assert not elsewhere, f"these modules were not the named library's: {elsewhere}"


@pytest.fixture(scope="session")
def shared():
    """The folder of real recordings beside the repository; tests that need it skip where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "audio" / "birdmini").is_dir():
        pytest.skip("needs the real recordings in ../shared/audio/birdmini")
    return folder
