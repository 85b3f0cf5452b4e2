"""Missing modules and wrong syntax, in the words that the user reads: file, line, and a way out."""

from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.inlining.closure import Closure, Code, closure
from kernelgen.inlining.library import Library


def names(found: Closure) -> list[str]:
    return [module.name for module in found.modules]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import pk.nope", "pk.nope"),
        ("import pk.b.nope as n", "pk.b.nope"),
        ("import pk.b.X", "pk.b.X"),
        ("from pk.nope import x", "pk.nope"),
        ("from pk import nope", "pk.nope"),
        ("from . import nope", "pk.nope"),
        ("from .nope import x", "pk.nope"),
        ("from .space import nope", "pk.space.nope"),
        ("import importlib; importlib.import_module('pk.nope')", "pk.nope"),
        ("__import__('pk.nope')", "pk.nope"),
    ],
)
def test_a_missing_module_is_refused_with_file_and_line(refused, statement: str, name: str):
    files = {"pk/a.py": f"\n\n{statement}\n", "pk/b.py": "X = 1\n", "pk/space/x.py": ""}
    text = refused("import pk.a", files)
    assert text.startswith("pk/a.py:3: ")
    assert f"there is no module {name} in the library" in text
    assert "add the module" in text


def test_a_missing_module_in_the_template_is_refused_at_the_templates_line(refused):
    text = refused("x = 1\nfrom pk.gone import y\n", {})
    assert text.startswith("kernel_templates/case.py.j2:2: there is no module pk.gone")


def test_an_if_of_the_template_does_not_excuse_a_module_that_the_library_has_not(refused):
    text = refused("task = 1\nif task:\n    with open('x'):\n        from pk.gone import y\n", {})
    assert text.startswith("kernel_templates/case.py.j2:4: there is no module pk.gone")


def test_a_line_of_a_later_cell_is_counted_from_the_top_of_the_template(tmp_path: Path):
    (tmp_path / "pk.py").write_text("")
    with pytest.raises(KernelgenError, match=r"^case\.py\.j2:41: "):
        closure(Library(tmp_path, "pk"), [Code("case.py.j2", "\nimport pk.gone", first_line=40)])


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    from pk import nope\nexcept ImportError:\n    nope = None\n",
        "try:\n    import pk.nope\nexcept (AttributeError, ModuleNotFoundError):\n    pass\n",
        "try:\n    import pk.nope\nexcept:\n    pass\n",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import pk.nope\n",
        "from typing import TYPE_CHECKING as T\nif T:\n    import pk.nope\n",
        "import typing\nif not typing.TYPE_CHECKING:\n    pass\nelse:\n    import pk.nope\n",
        "import sys\nif sys.platform == 'win32':\n    import pk.nope\n",
    ],
)
def test_a_missing_module_that_the_code_can_do_without_is_accepted(project, text: str):
    assert names(project("import pk.a", {"pk/a.py": text})) == ["pk", "pk.a"]


@pytest.mark.parametrize(
    "init",
    [
        "nope = 1",
        "def nope(): ...",
        "class nope: ...",
        "import json as nope",
        "if True:\n    nope = 1\nelse:\n    pass",
        "try:\n    nope = 1\nfinally:\n    pass",
        "for nope in range(3): ...",
        "with open('x') as nope: ...",
        "print(nope := 1)",
        "def make():\n    global nope\n    nope = 1\nmake()",
        "(a, [nope, *b]) = 1, [2, 3]",
        "def __getattr__(name):\n    return name",
        "from json import *",
        "globals()['nope'] = 1",
        "import sys\nsetattr(sys.modules[__name__], 'nope', 1)",
    ],
)
def test_a_name_that_the_package_binds_is_no_missing_module(project, init: str):
    assert names(project("from pk import nope", {"pk/__init__.py": init})) == ["pk"]


def test_a_relative_import_beyond_the_top_is_refused(refused):
    text = refused("import pk.a", {"pk/a.py": "from .. import x\n"})
    assert text.startswith("pk/a.py:1: ") and "beyond top-level package" in text


def test_a_relative_import_in_a_template_is_refused(refused):
    text = refused("from . import a", {"pk/a.py": ""})
    assert text.startswith("kernel_templates/case.py.j2:1: ") and "no package specified" in text


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import one\nexcept ImportError:\n    HAVE = False\ndef load():\n    import two\n",
        "import two\nfrom importlib.util import find_spec\nHAVE = find_spec('two')\n",
        "if __name__ == '__main__':\n    import two\n",
    ],
)
def test_what_does_not_ask_for_a_package_is_no_guard(project, code: str):
    found = project("import pk.a", {"pk/a.py": code}).third_party
    assert [one.guarded for one in found if one.root == "two"] == [False]


# --- syntax ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = t'{x}'\n", "in the syntax of"),
        ("try: ...\nexcept A, B: ...\n", "in the syntax of"),
        ("x = 1\ndef f[T = int](): ...\n", "in the syntax of"),
        ("x = 1\ny = (\n", "was never closed"),
        ("x = 1\nreturn x\n", "'return' outside function"),
    ],
)
def test_syntax_that_the_image_does_not_know_is_refused_with_file_and_line(refused, text: str, said: str):
    message = refused("import pk.a", {"pk/a.py": text})
    assert message.startswith("pk/a.py:2: ")
    assert said in message


def test_syntax_is_held_against_the_python_of_the_image(project, refused, monkeypatch: pytest.MonkeyPatch):
    files = {"pk/a.py": "\ntry: ...\nexcept* ValueError: ...\n"}
    assert names(project("import pk.a", files)) == ["pk", "pk.a"]
    monkeypatch.setattr("kernelgen.inlining.syntax.IMAGE_PYTHON", (3, 10))
    message = refused("import pk.a", files)
    assert (
        message.startswith("pk/a.py:")
        and "is not valid Python 3.10: " in message
        and "(Kaggle's image has 3.10)" in message
    )


def test_bytes_that_are_not_the_declared_text_are_refused_with_their_line(refused):
    message = refused("import pk.a", {"pk/a.py": b"x = 1\ny = '\xff'\n"})
    assert message.startswith("pk/a.py:2: ") and "UTF-8" in message


def test_a_template_may_await_at_the_top(project):
    assert names(project("import pk\nawait pk.run()", {})) == ["pk"]


def test_a_library_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(KernelgenError, match="neither pk/ nor pk.py"):
        Library(tmp_path, "pk")
