"""The library's cells carry files exactly, and give them back byte for byte."""

import ast
import base64
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path, PurePosixPath

import nbformat
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kernelgen.errors import KernelgenError
from kernelgen.inlining.cells import library_cells
from kernelgen.inlining.closure import Closure, Code, ShippedFile, closure
from kernelgen.inlining.extraction import take_library
from kernelgen.inlining.library import Library, Module, decode

REPOSITORY = Path(__file__).parents[3]
PYTHON = REPOSITORY / ".venv-kaggle/bin/python"

# Runs the cells of notebooks in IPython itself and tells what files they wrote.
IN_IPYTHON = """
import base64, json, pathlib, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
written = []
for cells in json.load(sys.stdin):
    path = list(sys.path)
    for cell in cells:
        shell.run_cell(cell).raise_error()
    root = pathlib.Path(shell.user_ns["_kernelgen_library"])
    sys.path[:] = path
    written.append({str(one.relative_to(root)): base64.b64encode(one.read_bytes()).decode()
                    for one in root.rglob("*") if one.is_file()})
print("RESULT" + json.dumps(written))
"""


def fake_library(root: Path) -> Library:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pk.py").write_text("")
    return Library(root, "pk")


def module(name: str, data: bytes) -> Module:
    file = PurePosixPath(*name.split(".")).with_suffix(".py")
    return Module(name, file, data, decode(data, str(file)), False)


def notebook_of(library: Library, modules: list[Module] = (), files: list[ShippedFile] = ()) -> nbformat.NotebookNode:
    folders = {parent for one in [*modules, *files] for parent in one.file.parents if parent.parts}
    found = Closure(tuple(modules), tuple(sorted(folders)), tuple(files), ())
    notebook = nbformat.v4.new_notebook(cells=library_cells(library, found))
    nbformat.validate(notebook)
    return nbformat.reads(nbformat.writes(notebook), as_version=4)


def written_by_ipython(notebooks: list[nbformat.NotebookNode]) -> list[dict[str, bytes]]:
    if not PYTHON.exists():
        pytest.skip("the image's environment is not set up: run `make setup`")
    cells = [[cell.source for cell in one.cells if cell.cell_type == "code"] for one in notebooks]
    done = subprocess.run([PYTHON, "-c", IN_IPYTHON], input=json.dumps(cells), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.rpartition("RESULT")[2])
    return [{name: base64.b64decode(text) for name, text in one.items()} for one in result]


def parses(data: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(data, "<test>", "exec", dont_inherit=True)
        decode(data, "test")
        return True
    except (SyntaxError, ValueError, KernelgenError):
        return False


# What has gone wrong somewhere: prompts, magics, odd line ends, marks, encodings, templates, text that looks like ours.
PIECES = [
    "...", "... ", ">>> x", "In [1]: x", "%matplotlib", "%%time", "!ls", "?x", "x = 1", "# %%", "# %matplotlib inline",
    "{{ x }}", "{% raw %}", "{_kernelgen_library}", "$LIBRARY", "%%writefile {_kernelgen_library}/pk/y.py", "\\", "'''", '"""', "\n", "\n\n",
    "\r\n", "\r", "\x0c", "\t", "    ", " ", "\u2028", "\u2029", "\x85", "\x1c", "größe", "鳥", "🐦", "#", "pass", ";",
    "'a'", '"\\N{BULLET}"', "\ufeff", "# -*- coding: latin-1 -*-", "# coding: utf-8", "(", ")", "if x:", "\x7f", "\x00",
]  # fmt: skip
PIECES += [
    'T = """\n>>> y\n... z\n"""',
    "T = '''\n   \n\t\n'''",
    "def f():\n    '''\n    >>> f()\n    '''\n  \n",
    "X = ('''\n    >>> k\n''')",
]
ENCODED = st.tuples(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from(["utf-8", "latin-1"]))
SOURCES = (
    st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf"]), ENCODED.map(lambda one: one[0].encode(one[1], "ignore")))
    .map(b"".join)
    .filter(parses)
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SOURCES, min_size=20, max_size=20))
@example(
    [
        b"",
        b"\n",
        b"\n\n",
        b"...\n",
        b"x=1",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\n",
        b" \n",
        b"#\r\n",
        b"\r",
        b"\x0c\n",
    ]
)
@example(
    [
        "# coding: latin-1\nx = 'é'\n".encode("latin-1"),
        b"# coding: latin-1\nx = '\xc3\xa9'\n",
        b"x='\x00'"[:3],
    ]
)
def test_any_module_is_written_as_it_means_and_comes_back_byte_for_byte(tmp_path_factory, datas: list[bytes]):
    datas = [data for data in datas if parses(data)]
    modules = [module(f"pk.m{number}", data) for number, data in enumerate(datas)]
    notebook = notebook_of(fake_library(tmp_path_factory.mktemp("library")), modules)
    assert take_library(notebook) == {one.file: one.data for one in modules}


def test_ipython_writes_every_odd_module_as_it_means(tmp_path: Path):
    datas = []
    for piece in PIECES:
        for text in (
            piece,
            piece + "\n",
            "x = 1\n" + piece,
            f"'''{piece}'''\n",
            f"{piece}\nx = 2\n\n",
            f"#{piece}",
        ):
            for data in (text.encode(), b"\xef\xbb\xbf" + text.encode(), text.encode("latin-1", "ignore")):
                if parses(data):
                    datas.append(data)
    datas = list(dict.fromkeys(datas))
    assert len(datas) > 300
    modules = [module(f"pk.m{number}", data) for number, data in enumerate(datas)]
    library = fake_library(tmp_path)
    notebook = notebook_of(library, modules)
    assert take_library(notebook) == {one.file: one.data for one in modules}
    [written] = written_by_ipython([notebook])
    for one in modules:
        data = written[str(one.file)]
        mark = b"\xef\xbb\xbf"
        assert data.removeprefix(mark).removesuffix(b"\n") == one.data.removeprefix(mark).removesuffix(b"\n")
        assert ast.dump(ast.parse(data)) == ast.dump(ast.parse(one.data)), one.data


DATA = {
    "pk/plain.csv": b"a,b\n1,2\n",
    "pk/no_newline.json": b'{"a": 1}',
    "pk/blank.txt": b"\n",
    "pk/tail.txt": b"a\n\n\n",
    "pk/bom.csv": b"\xef\xbb\xbfa,b\n",
    "pk/crlf.csv": b"a\r\nb\r\n",
    "pk/cr.csv": b"a\rb\r",
    "pk/prompt.txt": b">>> x\n... y\n",
    "pk/in.txt": b"In [3]: x\nIn [4]: y\n",
    "pk/binary.npy": bytes(range(256)) * 5,
    "pk/latin.txt": "größe\n".encode("latin-1"),
    "pk/empty.txt": b"",
    "pk/with space.txt": b"x\n",
    "pk/$HOME {x} 'q'.txt": b"x\n",
    "pk/größe-鳥.txt": "鳥\n".encode(),
    "pk/deep/er/x.txt": b"%%writefile x\n{_kernelgen_library} $LIBRARY\n",
}


def test_data_files_are_written_without_any_change(tmp_path: Path):
    library = fake_library(tmp_path / "source")
    for name, data in DATA.items():
        path = library.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (library.root / "pk.py").unlink()
    library = Library(library.root, "pk")
    found = closure(library, [Code("main.py", "import pk")], files=["pk"])
    notebook = nbformat.v4.new_notebook(cells=library_cells(library, found))
    nbformat.validate(notebook)
    expected = {PurePosixPath(name): data for name, data in DATA.items()}
    assert take_library(notebook) == expected
    assert written_by_ipython([notebook]) == [{str(name): data for name, data in expected.items()}]


def test_a_module_is_one_cell_under_a_heading_with_its_docstrings_first_line(tmp_path: Path):
    modules = [
        module("pk.mel", b'"""Mel *filters* of `x_y`, in $Hz$.\n\nMore."""\n'),
        module("pk._own", b"x = 1\n"),
    ]
    cells = notebook_of(fake_library(tmp_path), modules).cells
    assert [cell.id for cell in cells] == [
        "library--heading", "library--setup", "about-library-pk-mel", "library-pk-mel",
        "about-library-pk-_own", "library-pk-_own", "library--ready",
    ]  # fmt: skip
    assert cells[0].source == "## The library"
    assert cells[2].source == "### pk.mel\nMel \\*filters\\* of `x_y`, in \\$Hz\\$."
    assert cells[3].source.startswith('%%writefile {_kernelgen_library}/pk/mel.py\n"""Mel *filters*')
    assert cells[3].metadata["_kg_hide-input"] is True
    assert cells[3].metadata["jupyter"] == {"source_hidden": True}
    assert cells[4].source == "### `pk._own`"


def test_ids_are_fixed_valid_and_unique_for_names_of_any_length_and_script(tmp_path: Path):
    names = [
        "pk.a.b",
        "pk.a_b",
        "pk.größe",
        "pk.gräße",
        "pk." + "x" * 80,
        "pk." + "x" * 81,
        "pk.a.heading",
        "pk.a",
    ]
    modules = [module(name, b"x = 1\n") for name in names]
    first, second = (notebook_of(fake_library(tmp_path), modules) for _ in range(2))
    ids = [cell.id for cell in first.cells]
    assert len(set(ids)) == len(ids) and max(map(len, ids)) <= 64
    assert nbformat.writes(first) == nbformat.writes(second)


@pytest.mark.parametrize(
    ("data", "by_magic"),
    [
        (b"x = 1\n", True),
        (b"def f():\n    '''Doc.\n\n    >>> f()\n    1\n    '''\n", True),
        (b"TEXT = '''\n>>> f()\n'''\n", False),  # IPython 9 would take the prompt away
        (b"TEXT = '''\n  \n'''\n", False),  # IPython 9 would empty the line
        (b"def f():\n    \n    return 1\n", True),  # the same, but it means nothing here
        (b"...\n", False),  # IPython 7 takes it for a prompt
        (b"x = '...'\n...\n", True),
        (b"\n", False),  # an empty body is an error
    ],
)
def test_the_magic_is_used_where_every_ipython_carries_the_module(tmp_path: Path, data: bytes, by_magic: bool):
    cell = notebook_of(fake_library(tmp_path), [module("pk.a", data)]).cells[3]
    assert cell.source.startswith(
        "%%writefile {_kernelgen_library}/" if by_magic else '__import__("pathlib").Path(_kernelgen_library, '
    )


def test_an_empty_closure_makes_no_cells(tmp_path: Path):
    assert library_cells(fake_library(tmp_path), Closure()) == []


def test_an_edit_made_in_a_cell_comes_home(tmp_path: Path):
    modules = [module("pk.a", b"\xef\xbb\xbfx = 1\n"), module("pk.b", b"x = 1")]
    notebook = notebook_of(fake_library(tmp_path), modules)
    for cell in notebook.cells:
        cell.source = cell.source.replace("x = 1", "x = 2\ny = 3")
    assert take_library(notebook) == {
        PurePosixPath("pk/a.py"): b"\xef\xbb\xbfx = 2\ny = 3\n",
        PurePosixPath("pk/b.py"): b"x = 2\ny = 3",
    }


def test_a_notebook_whose_metadata_was_lost_still_gives_its_library(tmp_path: Path):
    modules = [module("pk.a", b"x = 1\n"), module("pk.b", b""), module("pk.c", b"...\n")]
    notebook = notebook_of(fake_library(tmp_path), modules)
    for cell in notebook.cells:
        cell.metadata = {}
    assert take_library(notebook) == {one.file: one.data for one in modules}


@pytest.mark.parametrize(
    "line", ["%%writefile {_kernelgen_library}/../evil.py", "%%writefile {_kernelgen_library}//etc/evil.py"]
)
def test_a_cell_that_writes_outside_the_library_is_refused(line: str):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"{line}\nx = 1")])
    with pytest.raises(KernelgenError, match="cell 1: writes"):
        take_library(notebook)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("%%writefile {_kernelgen_library}/pk/a.py\nx = '\ud800'", r"cell 1: pk/a\.py holds half a character"),
        (
            '__import__("pathlib").Path(_kernelgen_library, "pk/a").write_bytes(__import__("base64").b64decode("abc"));',
            "cell 1: what it writes to pk/a is damaged",
        ),
        (
            '__import__("pathlib").Path(_kernelgen_library, "pk/a").write_bytes("x".encode("klingon"));',
            "cell 1: what it writes to pk/a is damaged",
        ),
    ],
)
def test_a_damaged_cell_is_refused_in_one_line(source: str, says: str):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    with pytest.raises(KernelgenError, match=says):
        take_library(notebook)


@pytest.mark.parametrize(
    "source", ["\n \n%%writefile {_kernelgen_library}/pk/a.py\nx", "%%writefile  {_kernelgen_library}/pk/a.py \r\nx"]
)
def test_a_cell_is_known_by_its_magic_as_ipython_knows_it(source: str):
    cell = nbformat.v4.new_code_cell(source, metadata={"kernelgen": None})
    assert take_library(nbformat.v4.new_notebook(cells=[cell])) == {PurePosixPath("pk/a.py"): b"x\n"}


@pytest.mark.parametrize(
    "source",
    [
        "# x\n%%writefile {_kernelgen_library}/pk/a.py\nx",
        "%%writefile -a {_kernelgen_library}/pk/a.py\nx",
        "_kernelgen_library = (",
    ],
)
def test_other_cells_write_no_library_file(source: str):
    assert take_library(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])) == {}


def test_modules_that_the_running_python_gave_are_found_by_child_processes(tmp_path: Path):
    cells = notebook_of(fake_library(tmp_path), [module("pk.a", b"x = 1\n")]).cells
    setup = cells[1].source
    done = subprocess.run(
        [sys.executable, "-c", f"{setup}\nimport subprocess\nimport os, sys\nprint(_kernelgen_library, os.environ['PYTHONPATH'], sys.path[0], sys.argv)",
         "--kernel"], capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    library, python_path, first, arguments = done.stdout.split(maxsplit=3)
    assert library == python_path == first and arguments.strip() == "['-c']"


def test_the_librarys_cells_bind_one_name_and_change_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["kernel", "-f"])
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    modules = [module("pk.a", b"...\n"), module("pk.b", b""), module("pk.c", b"T = '''\n>>> x\n'''\n")]
    files = [ShippedFile(PurePosixPath("pk/x.npy"), bytes(range(256)))]
    cells = notebook_of(fake_library(tmp_path), modules, files).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert not any(source.startswith("%%") for source in code) and len(code) == 5
    # What a template may have bound above, names of modules and builtins among them.
    before = dict.fromkeys(
        ["folder", "empty", "library", "LIBRARY", "os", "sys", "Path", "base64", "filter", "open"], 1
    )
    namespace = {**before}
    for source in code:
        exec(compile(source, "cell", "exec"), namespace)
    folder = namespace.pop("_kernelgen_library")
    namespace.pop("__builtins__")
    assert namespace == before
    assert sorted(path.name for path in Path(folder).rglob("*.*")) == ["a.py", "b.py", "c.py", "x.npy"]
    assert sys.path[0] == folder and os.environ["PYTHONPATH"] == f"{folder}{os.pathsep}/elsewhere"
    assert sys.argv == ["kernel"]
