"""Which modules a notebook gets, and in which order."""

from pathlib import Path, PurePosixPath

import pytest

from kernelgen.inlining.closure import Code, ThirdParty, closure
from kernelgen.inlining.library import Library


def make(root: Path, files: dict[str, str]) -> Library:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Library(root, "pk")


def close(library: Library, code: str, **options):
    return closure(library, [Code("main.py", code)], **options)


def names(found) -> list[str]:
    return [module.name for module in found.modules]


def test_only_what_the_code_needs_is_there_and_after_what_it_imports(tmp_path: Path):
    library = make(
        tmp_path,
        {
            "pk/__init__.py": "",
            "pk/a.py": "from . import c\nfrom .b import x\n",
            "pk/b.py": "from pk import c\n",
            "pk/c.py": "",
            "pk/unneeded.py": "",
        },
    )
    assert names(close(library, "import pk.a")) == ["pk", "pk.c", "pk.b", "pk.a"]
    assert names(close(library, "def later():\n    import pk.c")) == ["pk", "pk.c"]


def test_a_package_stands_after_what_its_init_imports(tmp_path: Path):
    library = make(tmp_path, {"pk/__init__.py": "from .core import run\n", "pk/core.py": "", "pk/z.py": ""})
    assert names(close(library, "import pk.z")) == ["pk.core", "pk", "pk.z"]


def test_modules_that_import_each_other_have_one_order(tmp_path: Path):
    files = {f"pk/{name}.py": "from . import a, b, c\n" for name in "abc"} | {"pk/__init__.py": "from . import b\n"}
    library = make(tmp_path, files)
    orders = {tuple(names(close(Library(tmp_path, "pk"), "import pk.c"))) for _ in range(5)}
    assert orders == {("pk.c", "pk.a", "pk.b", "pk")}
    assert names(close(library, "import pk.c")) == ["pk.c", "pk.a", "pk.b", "pk"]


def test_code_that_imports_nothing_of_the_library_needs_nothing(tmp_path: Path):
    found = close(make(tmp_path, {"pk/__init__.py": ""}), "import json\nfrom pkg import x\n")
    assert (found.modules, found.folders, found.files) == ((), (), ())


def test_a_long_chain_of_modules_is_followed(tmp_path: Path):
    files = {f"pk/m{k}.py": f"from . import m{k + 1}\n" for k in range(500)}
    library = make(tmp_path, files | {"pk/__init__.py": "", "pk/m500.py": ""})
    assert names(close(library, "import pk.m0"))[1] == "pk.m500"


def test_folders_without_init_are_folders_of_the_closure(tmp_path: Path):
    library = make(tmp_path, {"pk/space/deep/leaf.py": ""})
    found = close(library, "import pk.space.deep.leaf")
    assert found.folders == tuple(map(PurePosixPath, ["pk", "pk/space", "pk/space/deep"]))
    assert names(found) == ["pk.space.deep.leaf"]


def test_a_library_may_be_a_single_file(tmp_path: Path):
    found = close(make(tmp_path, {"pk.py": "import numpy\n"}), "from pk import x")
    assert names(found) == ["pk"] and found.folders == ()


def test_a_star_brings_the_submodules_that_all_names_and_no_others(tmp_path: Path):
    library = make(
        tmp_path,
        {
            "pk/__init__.py": "__all__ = ['a', 'lie']\n",
            "pk/a.py": "",
            "pk/b.py": "",
            "pk/open.py": "from pk import *",
        },
    )
    assert names(close(library, "from pk import *")) == ["pk", "pk.a"]
    assert names(close(library, "import pk.open")) == ["pk", "pk.a", "pk.open"]


def test_third_party_imports_are_told_with_their_place_and_guard(tmp_path: Path):
    library = make(
        tmp_path,
        {
            "pk/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import onlytyping\n",
            "pk/a.py": "import numpy.fft as f\ntry:\n    import cupy\nexcept ImportError:\n    import scipy\n"
            "import importlib\nimportlib.import_module('timm.models')\n",
        },
    )
    found = close(library, "import os, torch\nimport pk.a\n")
    assert found.third_party == (
        ThirdParty("torch", "main.py:1", False),
        ThirdParty("numpy", "pk/a.py:1", False),
        ThirdParty("cupy", "pk/a.py:3", True),
        ThirdParty("scipy", "pk/a.py:5", False),
        ThirdParty("timm", "pk/a.py:7", False),
    )


def test_the_working_directory_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = tmp_path / "größe 鳥"
    make(
        root,
        {"pk/__init__.py": "from . import a\n", "pk/a.py": "from pathlib import Path\nH = Path(__file__)\n"},
    )
    monkeypatch.chdir(tmp_path)
    assert names(close(Library(Path("größe 鳥"), "pk"), "import pk")) == ["pk.a", "pk"]


def test_code_gets_the_same_modules_whatever_was_read_before(tmp_path: Path):
    # Modules that import each other, by names that each finds in the other, were once told apart by who came first.
    ring = "import importlib\nfrom pk import {other}\nNAMES = ['pk.{leaf}']\nM = importlib.import_module(NAMES[0])\n"
    files = {
        "pk/__init__.py": "",
        "pk/a.py": ring.format(other="b", leaf="x"),
        "pk/b.py": ring.format(other="a", leaf="y"),
        "pk/x.py": "",
        "pk/y.py": "from pk import a\n",
    }
    codes = ["import pk.a", "import pk.b", "import pk.y", "print('pk.x')"]
    make(tmp_path, files)
    alone = [names(close(Library(tmp_path, "pk"), code)) for code in codes]
    library = Library(tmp_path, "pk")
    assert [names(close(library, code)) for code in codes] == alone
    library = Library(tmp_path, "pk")
    assert [names(close(library, code)) for code in reversed(codes)] == alone[::-1]
    assert sorted(alone[0]) == sorted(alone[2]) == ["pk", "pk.a", "pk.b", "pk.x", "pk.y"] and alone[3] == ["pk", "pk.x"]
