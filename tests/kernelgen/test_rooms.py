"""The rooms of the generator: docs/generator.md shows which imports which, and no arrow runs back.

``python tests/kernelgen/test_rooms.py`` draws the picture on the page anew.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "generator.md"
# Names that two rooms still share. One that is gone here goes from this list.
STILL_DOUBLED: set[str] = set()


def arrows():
    """For each room the rooms that it imports from, as the code has it."""
    rooms = {}
    for path in sorted((ROOT / "kernelgen").rglob("*.py")):
        room = path.relative_to(ROOT / "kernelgen").parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        imports = rooms.setdefault(room, set())
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            imports |= {name.split(".")[1] for name in names if name.startswith("kernelgen.")}
        imports.discard(room)
    return rooms


def drawn():
    """The same, as the page draws it, in its order from top to bottom."""
    (picture,) = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.partition("->") for line in picture.splitlines()]
    return {room.strip(): rooms.split() for room, _, rooms in lines}


def test_the_page_draws_every_import_and_no_other():
    picture = {room: set(rooms) for room, rooms in drawn().items()}
    assert picture == arrows(), "the picture is old; draw it anew: python tests/kernelgen/test_rooms.py"


def test_no_arrow_runs_back():
    order = list(drawn())
    back = [
        (room, below) for room, rooms in drawn().items() for below in rooms if order.index(below) <= order.index(room)
    ]
    assert back == []


def test_every_room_is_explained():
    table = "".join(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|"))
    assert {room for room in arrows() if f"`{room}`" not in table} == set()


def test_no_two_files_and_no_two_public_classes_have_one_name():
    files, classes = {}, {}
    for path in sorted((ROOT / "kernelgen").rglob("*.py")):
        if path.name != "__init__.py":
            files.setdefault(path.name, []).append(str(path.relative_to(ROOT)))
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    doubled = {name: places for name, places in (files | classes).items() if len(places) > 1}
    assert {name: places for name, places in doubled.items() if name not in STILL_DOUBLED} == {}


def as_text():
    """The lines of the picture, the rooms in an order in which no arrow runs back."""
    left, below = arrows(), []
    while left:
        free = sorted(room for room, rooms in left.items() if rooms <= set(below))
        assert free, f"these import each other: {sorted(left)}"
        below.append(free[0])
        del left[free[0]]
    order = below[::-1]
    imports = arrows()
    return [f"{room:<11} -> {' '.join(sorted(imports[room], key=order.index))}".rstrip() for room in order]


if __name__ == "__main__":
    picture = "\n".join(["```", *as_text(), "```"])
    PAGE.write_text(
        re.sub(r"```\n.*?```", picture, PAGE.read_text(encoding="utf-8"), flags=re.DOTALL), encoding="utf-8"
    )
