"""The quick look at names: what it passes, pyflakes passes too."""

import ast
import random
from pathlib import Path

import pytest

from kernelgen.inlining.scopes import Scopes
from kernelgen.verifying.evaluated_names import undefined
from kernelgen.verifying.plainly_bound import is_plainly_bound

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted((ROOT / "kernelgen").rglob("*.py")) + sorted((ROOT / "birdlib").rglob("*.py"))


def is_plain(text: str) -> bool:
    return is_plainly_bound(Scopes(ast.parse(text)), {"__file__"})


def is_undefined(text: str) -> bool:
    return bool(undefined(ast.parse(text), "x.py", {"__file__"}))


def statements_gone_or_moved(text: str, changes: random.Random):
    """The source with some statement taken out, or with the statements of some block in another order."""
    tree = ast.parse(text)
    blocks = [
        block
        for node in ast.walk(tree)
        for name in ("body", "orelse", "handlers")
        if isinstance(block := getattr(node, name, None), list) and len(block) > 1
    ]
    if blocks:
        block = changes.choice(blocks)
        block.pop(changes.randrange(len(block))) if changes.random() < 0.6 else changes.shuffle(block)
    return ast.unparse(tree)


def test_it_never_passes_what_pyflakes_calls_undefined():
    changes = random.Random(7)
    caught = 0
    for path in changes.sample(SOURCES, 15):
        for _ in range(4):
            text = statements_gone_or_moved(path.read_text(encoding="utf-8"), changes)
            wrong = is_undefined(text)
            caught += wrong
            assert not (wrong and is_plain(text)), path
    assert caught > 8  # or the changes do not make what has to be caught


def test_most_sources_need_no_more_than_it():
    plain = [is_plain(path.read_text(encoding="utf-8")) for path in SOURCES[::3]]
    assert sum(plain) > 0.8 * len(plain)


@pytest.mark.parametrize(
    "text",
    [
        "print(x)\nx = 1",
        "x = x",
        "x += 1",
        "for x in x:\n    pass",
        "with x as x:\n    pass",
        "def f():\n    print(y)\n    y = 1",
        "def f(a=y):\n    pass\ny = 1",
        "def f(a: y):\n    pass\ny = 1",
        "class A:\n    y = 1\n    def f(self):\n        return y",
        "z = (y := 1) if y else 2",
        "z = [(y := 1) for a in range(3) if y]",
        "z = [b for a in b for b in range(3)]",
        "try:\n    pass\nexcept ValueError as e:\n    pass\nprint(e)",
        "try:\n    pass\nexcept ValueError as e:\n    e = 1\nprint(e)",
        "try:\n    pass\nexcept ValueError as e:\n    def f():\n        return e",
        "x = 1\ndel x\nprint(x)",
        "import typing\nif typing.TYPE_CHECKING:\n    import re\nre",
        "a, *b = b",
        "for a, *b in b:\n    pass",
        "match y:\n    case [y, z]:\n        pass",
    ],
)
def test_what_is_undefined_in_small(text):
    assert is_undefined(text)
    assert not is_plain(text)


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return y\ny = 1",
        "x = [a for a in range(3) if a]\nfor a in x:\n    print(a)",
        "if y := input():\n    print(y)",
        "with open(__file__) as file:\n    print(file)",
        "try:\n    pass\nexcept ValueError as e:\n    print(e)",
        "def f(a, *b, c=1, **d):\n    return a, b, c, d, lambda x: (x, a)",
        "class A:\n    def f(self) -> int:\n        return len(self.g())\n    x = f",
        "n = 0\nn += 1",
    ],
)
def test_what_is_plain(text):
    assert is_plain(text)
    assert not is_undefined(text)
