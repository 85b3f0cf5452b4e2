"""Changes of a template's cells are shown so that a person can take them over."""

import random
import shutil
from pathlib import Path

import pytest

from kernelgen.pulling.matching import Match, Piece, changes

CODE = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}


def cells_of(place):
    return place.notebook["cells"]


def position(place, start):
    return cells_of(place).index(place.cell(start))


def messages(comparison):
    return [change.message.removeprefix("kernel_templates/case.py.j2, ") for change in comparison.cells]


def test_a_changed_cell_is_shown_under_its_heading_with_its_template(place):
    place.cell("for number")["source"] = place.cell("for number")["source"].replace("range(3)", "range(4)")
    before = place.files()
    comparison = place.compare(place.saved(ids=True))
    assert comparison.files == () and not comparison.clean
    summary, _, place_line, *diff = [line for line in comparison.report().split("\n") if line]
    assert summary.startswith("pk-case: 1 template cell changed on Kaggle (")
    assert place_line == 'kernel_templates/case.py.j2, under "The end": a code cell was changed on Kaggle'
    assert diff == [
        "--- as built", "+++ on Kaggle", "@@ -1,2 +1,2 @@",
        "-for number in range(3):", "+for number in range(4):", '     print("bird", number)',
    ]  # fmt: skip
    assert place.apply(comparison) and place.files() == before


def test_new_and_removed_cells_are_shown_whole(place):
    cells_of(place).insert(position(place, "print("), CODE | {"source": "import os\nprint(os.getcwd())"})
    cells_of(place).remove(place.cell("from pk.hear"))
    comparison = place.compare(place.saved())
    assert messages(comparison) == [
        'under "Listening": a code cell was removed on Kaggle',
        'under "The end": a code cell is new on Kaggle',
    ]
    assert "-print(heard)" in comparison.cells[0].diff and "+import os" in comparison.cells[1].diff


@pytest.mark.parametrize("ids", [False, True])
def test_a_moved_cell_is_no_removed_and_no_new_one(place, ids):
    cell = place.cell("from pk.hear")
    cells_of(place).remove(cell)
    cells_of(place).append(cell)
    assert messages(place.compare(place.saved(ids=ids))) == [
        'under "The end": a code cell was moved on Kaggle (it was under "Listening"): from pk.hear import hear'
    ]


def test_split_and_joined_cells_are_called_so(place):
    cell = place.cell("from pk.hear")
    first, rest = cell["source"].split("\n\n")
    cell["source"] = first + "\n"
    cells_of(place).insert(position(place, "from pk.hear") + 1, CODE | {"source": "\n" + rest})
    last = place.cell("print(")
    cells_of(place).remove(last)
    place.cell("for number")["source"] += "\n\n\n" + last["source"]
    assert messages(place.compare(place.saved())) == [
        'under "Listening": a code cell was split into 2 on Kaggle: from pk.hear import hear',
        'under "The end": 2 code cells were put together on Kaggle: for number in range(3):',
    ]


def test_a_cell_that_was_split_and_edited_is_understandable(place):
    cell = place.cell("for number")
    cells_of(place).insert(position(place, "for number") + 1, CODE | {"source": '    print("bird!", number)'})
    cell["source"] = "for number in range(3):"
    assert messages(place.compare(place.saved())) == [
        'under "The end": a code cell was changed on Kaggle',
        'under "The end": a code cell is new on Kaggle',
    ]


def test_a_cell_may_become_text(place):
    place.cell("for number")["cell_type"] = "markdown"
    assert messages(place.compare(place.saved())) == ['under "The end": a code cell was made a text cell on Kaggle']


def test_a_module_whose_cell_became_text_is_no_longer_written(place):
    place.module("pk/words.py")["cell_type"] = "markdown"
    assert "pk/words.py: its cell was removed on Kaggle" in place.compare(place.saved()).report()


def test_text_cells_and_generated_cells_are_told_apart(place):
    place.cell("## Listening")["source"] += " Much."
    place.cell("### pk.words")["source"] += "\nMine."
    place.cell('__import__("importlib")')["source"] += "\nprint(_kernelgen_library)"
    assert [change.message for change in place.compare(place.saved()).cells] == [
        'a cell that the generator writes, under "The library": a text cell was changed on Kaggle',
        'a cell that the generator writes, under "The library": a code cell was changed on Kaggle',
        'kernel_templates/case.py.j2, under "Listening": a text cell was changed on Kaggle',
    ]


def test_the_heading_of_a_removed_module_goes_with_it_in_silence(place):
    cells_of(place).remove(place.module("pk/words.py"))
    cells_of(place).remove(place.cell("### pk.words"))
    comparison = place.compare(place.saved())
    assert comparison.cells == () and len(comparison.files) == 1


def test_an_edited_ordinary_cell_of_a_file_is_told_once(place):
    cell = place.cell('__import__("pathlib").Path(_kernelgen_library, "pk/odd.py")')
    cell["source"] = cell["source"].replace("X = 1", "X = 11")
    comparison = place.compare(place.saved())
    assert comparison.cells == () and len(comparison.files) == 1


def test_what_would_act_on_a_terminal_is_shown_as_text(place):
    place.cell("for number")["source"] += "\n# \x1b[2J\u202e\ud800\r\n"
    report = place.compare().report()
    assert "+# \\x1b[2J\\u202e\\ud800" in report and report.encode("utf-8")
    assert not set("\x1b\r\u202e") & set(report)


def piece(text, kind="code"):
    return Piece(kind, text)


def test_many_alike_cells_are_matched_where_they_stand():
    old = [piece("show()"), piece("x = 1"), piece("show()"), piece("x = 2"), piece("show()")]
    assert changes(old, old) == []
    new = [*old[:3], piece("x = 3"), old[4]]
    assert changes(old, new) == [Match((3,), (3,))]
    assert changes(old, old[:2] + old[3:]) == [Match((2,), ())]
    assert changes(old, [*old, piece("show()")]) == [Match((), (5,))]


def test_every_cell_is_in_one_match_at_most_whatever_was_done():
    chance = random.Random(3)
    for _ in range(300):
        old = [piece(chance.choice("abcdef") * 3 + "\n" + chance.choice("xyz"), chance.choice(["code", "markdown"]))
               for _ in range(chance.randint(0, 7))]  # fmt: skip
        new = [*old]
        for _ in range(chance.randint(0, 4)):
            if new and chance.random() < 0.5:
                del new[chance.randrange(len(new))]
            else:
                new.insert(chance.randint(0, len(new)), piece(chance.choice("abcdef") * 3 + "\nq"))
        chance.random() < 0.3 and chance.shuffle(new)
        found = changes(old, new)
        gone = [number for match in found for number in match.old]
        come = [number for match in found for number in match.new]
        assert len(gone) == len(set(gone)) and len(come) == len(set(come))
        left = [one for number, one in enumerate(old) if number not in gone]
        assert left == [one for number, one in enumerate(new) if number not in come]
        assert (found == []) == (old == new)


def test_the_submission_of_the_recipe_goes_the_whole_way(place, tmp_path):
    root = Path(__file__).parents[3]
    place.root, place.kernel = tmp_path / "real", "submission"
    for folder in ("birdlib", "kernel_templates"):
        shutil.copytree(root / folder, place.root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for description in (root / "datasets").glob("*/dataset.toml"):
        place.write(f"datasets/{description.parent.name}/dataset.toml", description.read_bytes())
        for path in description.parent.glob("requirements*.txt"):
            place.write(f"datasets/{description.parent.name}/{path.name}", path.read_bytes())
    place.commit()
    place.push()
    assert place.compare(place.saved(windows=True)).clean
    before = place.files()
    files = [cell["source"].partition("\n")[0].partition("}/")[2] for cell in cells_of(place)]
    files = [file for file in files if file.endswith(".py")]
    assert len(files) > 20
    for file in files:
        place.module(file)["source"] += f"\n# edited on Kaggle: {file}"
    comparison = place.compare(place.saved(lists=True, ids=True))
    assert place.apply(comparison) and comparison.cells == ()
    after = place.files()
    assert {file for file in after if after[file] != before.get(file)} == set(files)
    for file in files:
        assert after[file] == before[file].rstrip(b"\n") + f"\n# edited on Kaggle: {file}\n".encode()
