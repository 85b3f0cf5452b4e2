"""The house: which way imports run, what a template may hold, and what must agree."""

import ast
import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from birdlib.competition.editions import edition
from birdlib.models.variant import variant
from birdlib.weights.names import model_name
from kernelgen.recipe import load_project

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "kernel_templates").glob("*.py.j2"))
RECIPE = tomllib.loads((ROOT / "kernel_templates" / "kernels.toml").read_text(encoding="utf-8"))


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.xdist_group("marked")
def test_tests_that_share_a_chain_of_runs_stay_in_one_process(request):
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("not a worker of --dist loadgroup")
    assert request.node.nodeid.endswith("@marked")  # what pytest-xdist goes by


@pytest.mark.parametrize(("room", "foreign"), [("kernelgen", "birdlib"), ("birdlib", "kernelgen")])
def test_the_generator_and_the_library_do_not_know_each_other(room, foreign):
    files = sorted((ROOT / room).rglob("*.py"))
    assert len(files) > 10
    assert [str(path) for path in files if foreign in imports(path)] == []
    assert [str(path) for path in files if re.search(rf"\b{foreign}\b", path.read_text(encoding="utf-8"))] == []


def test_building_imports_neither_the_library_nor_what_only_runs_need():
    code = (
        "import sys, build_kernels\n"
        "assert build_kernels.main(['--target', 'submission', '--out', sys.argv[1], '--commit', 'x']) == 0\n"
        "heavy = {'birdlib', 'torch', 'timm', 'openvino', 'numpy', 'pandas', 'kaggle'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([sys.executable, "-c", code, out], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_is_valid_python_with_values_and_no_logic(template):
    text = template.read_text(encoding="utf-8")
    assert "{%" not in text and "{#" not in text
    ast.parse(text)  # {{ value | literal }} is a set in a set


def test_the_submissions_time_limit_is_the_editions():
    settings = RECIPE["kernels"]["submission"]["settings"]
    for slug, minutes in ((RECIPE["settings"]["competition"], 120), ("birdclef-2025", 90)):
        assert edition(slug).limit_minutes(settings["time_limit_minutes"]) == minutes


def test_the_twenty_are_scored_by_their_worth_though_they_have_no_scores():
    """Of a time that is too short the last ones are left out: not the five with attention head."""
    kernels = load_project(ROOT, []).kernels
    students = [one.settings for name, one in kernels.items() if name.startswith("distill-")]
    names = [
        model_name(
            variant(settings["architecture"], settings["head"]["name"]),
            epochs=settings["epochs"],
            fold=settings["folds"][0],
            seed=settings["seeds"][0],
            teacher=settings["architecture"],
        )
        for settings in students
    ]
    assert len(set(names)) == 20
    globs = kernels["submission-twenty"].settings["models"]
    meant = [[name for name in names if fnmatch.fnmatchcase(name, glob)] for glob in globs]
    assert [len(some) for some in meant] == [5, 5, 5, 5] and sorted(sum(meant, [])) == sorted(names)
    assert all("rkl-rxt-" in name for name in meant[0])


# What a room of the library may lean on. Components may be made, errors raised and progress shown anywhere.
ANYWHERE = {"components", "errors", "progress"}
ROOMS = {
    "audio": set(),
    "augmentation": {"audio", "competition", "data"},
    "blends": {"scores"},
    "clip_sources": {"audio", "competition", "data", "outside"},
    "competition": set(),
    "components": set(),
    "data": {"audio", "competition"},
    "demo": {"audio", "competition"},
    "ensemble": {"competition", "frontend", "inference", "weights"},
    "errors": set(),
    "evaluation": {"competition", "data", "metrics", "scores", "training", "weights"},
    "export": {
        "audio",
        "clip_sources",
        "competition",
        "data",
        "frontend",
        "inference",
        "metrics",
        "models",
        "scores",
        "weights",
    },
    "frontend": set(),
    "heads": {"models"},
    "inference": set(),
    "losses": {"augmentation", "models"},
    "metrics": {"competition"},
    "models": set(),
    "member_sources": {"competition", "outside", "wheels"},
    "outside": {"audio", "competition", "data", "frontend", "metrics", "scores", "submission", "weights"},
    "outside_models": {"competition", "frontend", "inference", "outside", "weights"},
    # Pictures show what all rooms make, and nothing needs a picture.
    "plots": {
        "competition",
        "audio",
        "augmentation",
        "clip_sources",
        "data",
        "frontend",
        "metrics",
        "models",
        "scores",
        "submission",
        "training",
    },
    "postprocessing": {"scores"},
    "progress": set(),
    "samplers": {"data"},
    "schedules": set(),
    "scratch": set(),
    "scores": {"competition", "metrics"},
    "sources": set(),
    "starts": {"data", "models", "weights"},
    "submission": {"audio", "competition", "ensemble", "frontend", "inference", "metrics", "scores", "weights"},
    "training": {
        "audio",
        "augmentation",
        "clip_sources",
        "competition",
        "data",
        "frontend",
        "losses",
        "metrics",
        "models",
        "scores",
        "starts",
        "weights",
    },
    "weights": {"audio", "frontend", "models"},
    "wheels": set(),
}

# Packages that are slow to import, or that a submission cannot count on, and who may import them.
PACKAGES = {
    "IPython": {"plots", "progress"},
    "accelerate": {"training"},
    "ai_edge_litert": {"outside_models"},
    "matplotlib": {"plots"},
    "nncf": {"export"},
    "onnxruntime": {"outside_models"},
    "openvino": {"ensemble", "export", "inference"},
    "rich": {"export"},
    "sklearn": {"data"},
    "soundfile": {"audio", "data", "demo", "plots"},
    "timm": {"models", "training"},
    "torchvision": {"models"},
}


def room_of(path):
    place = path.relative_to(ROOT / "birdlib")
    return place.parts[0] if len(place.parts) > 1 else place.stem


def library_imports(path):
    """(room or None, package) of everything that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            package, _, rest = name.partition(".")
            yield (rest.partition(".")[0] if package == "birdlib" else None), package


MODULES = sorted(path for path in (ROOT / "birdlib").rglob("*.py") if path.read_text(encoding="utf-8").strip())


def test_rooms_of_the_library_lean_one_way():
    assert {room_of(path) for path in MODULES} == set(ROOMS)
    wrong = [
        f"{path.relative_to(ROOT)} imports birdlib.{room}"
        for path in MODULES
        for room, package in library_imports(path)
        if package == "birdlib" and room not in ROOMS[room_of(path)] | {room_of(path)} | ANYWHERE
    ]
    assert wrong == []
    TopologicalSorter(ROOMS).prepare()  # raises where rooms lean on each other in a circle
    assert not ANYWHERE & set().union(*ROOMS.values()) and not any(ROOMS[room] for room in ANYWHERE)


def test_heavy_packages_are_imported_in_their_rooms_only():
    wrong = [
        f"{path.relative_to(ROOT)} imports {package}"
        for path in MODULES
        for _, package in library_imports(path)
        if package in PACKAGES and room_of(path) not in PACKAGES[package]
    ]
    assert wrong == []


TRAINING_PACKAGES = ("accelerate", "timm", "torchvision")
FOREIGN = {
    # kernel: rooms that it must not hold, packages that it must not import
    "submission": (
        {"augmentation", "data", "demo", "export", "models", "training"},
        (*TRAINING_PACKAGES, "sklearn"),
    ),
    "score": (
        {"augmentation", "data", "demo", "ensemble", "export", "models", "submission", "training"},
        (*TRAINING_PACKAGES, "openvino", "torch"),
    ),
    "prepare": ({"augmentation", "demo", "ensemble", "export", "submission", "training"}, TRAINING_PACKAGES),
    "train": ({"demo", "ensemble", "evaluation", "export", "submission"}, ("openvino",)),
    "evaluate": ({"demo", "ensemble", "export", "submission"}, ("openvino",)),
    "export": ({"augmentation", "demo", "ensemble", "submission", "training"}, ("accelerate", "sklearn")),
    "untrained": ({"augmentation", "data", "demo", "ensemble", "submission", "training"}, ("accelerate", "sklearn")),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The cells of the recipe's kernels, as one text each."""
    import build_kernels

    out = tmp_path_factory.mktemp("built")
    assert build_kernels.main(["--target", ",".join(FOREIGN), "--out", str(out), "--commit", "x"]) == 0
    cells = {name: json.loads((out / name / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"] for name in FOREIGN}
    return {name: "\n\n".join("".join(cell["source"]) for cell in notebook) for name, notebook in cells.items()}


@pytest.mark.parametrize("kernel", FOREIGN)
def test_a_kernel_holds_no_code_and_imports_no_package_that_its_task_does_not_need(built, kernel):
    rooms, packages = FOREIGN[kernel]
    held = set(re.findall(r"\{_kernelgen_library\}/birdlib/(\w+)/", built[kernel]))
    assert held and not held & rooms
    assert [name for name in packages if re.search(rf"^\s*(import|from) {name}\b", built[kernel], re.M)] == []


def test_every_module_of_the_library_begins_with_one_line_that_can_be_its_heading():
    lines = {
        str(path.relative_to(ROOT)): (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
        for path in MODULES
    }
    lines = {path: text.partition("\n")[0] for path, text in lines.items()}
    assert {path: line for path, line in lines.items() if not (10 < len(line) < 100 and line.endswith("."))} == {}
