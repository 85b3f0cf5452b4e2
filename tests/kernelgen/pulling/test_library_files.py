"""Edits of the library on Kaggle come home byte for byte, and nothing else is touched."""

import json
import os
import random
from itertools import product

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.inlining.extraction import take_library
from kernelgen.pulling.cells import read_cells

WAYS = [dict(zip(("lists", "windows", "ids", "metadata"), one, strict=True)) for one in product([0, 1], repeat=4)]
WAYS = [{name: bool(value) for name, value in way.items()} for way in WAYS]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "+".join(name for name in way if way[name]) or "plain")
def test_a_notebook_that_was_only_saved_on_kaggle_is_unchanged(place, way):
    before = place.files()
    comparison = place.compare(place.saved(**way))
    assert comparison.clean and comparison.conflicts == ()
    assert comparison.report().split("\n") == [comparison.report()]
    assert comparison.report().startswith("pk-case: unchanged on Kaggle (compared with commit ")
    assert place.apply(comparison) and place.said == [] and place.files() == before


@pytest.mark.parametrize("way", [{}, {"windows": True}, {"lists": True, "ids": True}], ids=str)
def test_edited_files_come_home_and_no_other_byte_changes(place, way):
    before = place.files()
    place.edit("pk/words.py", "SECOND = 2\n", "SECOND = 'größe 🐦'\n\n\nMORE = 2\n")
    place.edit("pk/windows.py", "Y = 2\r\n", "Y = 22\r\nYY = 3\r\n")
    comparison = place.compare(place.saved(**way))
    assert not comparison.clean and [change.file for change in comparison.files] == ["pk/windows.py", "pk/words.py"]
    assert comparison.report().startswith("pk-case: 2 library files changed on Kaggle (compared with commit ")
    assert "+SECOND = 'größe 🐦'" in comparison.report().split("\n")
    assert place.files() == before
    assert place.apply(comparison) and place.said == ["wrote pk/windows.py", "wrote pk/words.py"]
    assert place.files() == before | {
        "pk/words.py": before["pk/words.py"].replace(b"SECOND = 2\n", "SECOND = 'größe 🐦'\n\n\nMORE = 2\n".encode()),
        "pk/windows.py": b'\xef\xbb\xbf"""Windows."""\r\n\r\nX = 1\r\nY = 22\r\nYY = 3\r\nZ = 3',
    }
    assert place.compare(place.saved(**way)).clean


def test_the_shown_difference_can_be_applied_by_git(place):
    place.edit("pk/words.py", "SECOND = 2\n", "SECOND = 'größe'\n")
    place.edit("pk/words.py", "LAST = 7", "LAST = 8")
    (change,) = place.compare().files
    (place.root.parent / "x.diff").write_text("\n".join(change.diff) + "\n")
    place.git("apply", str(place.root.parent / "x.diff"))
    assert place.read("pk/words.py") == change.wanted


def test_any_edit_of_any_module_comes_home(place):
    """Against a reading of the notebook's cells that knows no base."""
    chance = random.Random(7)
    pieces = [
        "x = 1",
        "",
        "# größe",
        "'''a\n\n  b'''",
        "if 1:\n    pass",
        "\tx",
        "{_kernelgen_library}",
        "\x0c",
        "\u2028",
        "pass;",
    ]
    for _ in range(12):
        place.push()
        for file in ("pk/hear.py", "pk/words.py"):
            cell = place.module(file)
            first, *lines = cell["source"].split("\n")
            for _ in range(chance.randint(1, 4)):
                start, end = sorted(chance.choices(range(len(lines) + 1), k=2))
                lines[start:end] = chance.choices(pieces, k=chance.randint(0, 3))
            cell["source"] = "\n".join([first, *lines])
        text = json.dumps(place.notebook)
        expected = {str(file): data for file, data in take_library(Cells(read_cells(text, "x"))).items()}
        comparison = place.compare(text)
        for change in comparison.files:
            if change.wanted is None:
                with pytest.raises(SyntaxError):
                    compile(change.aside, "x", "exec")
                assert change.state.name == "REFUSED"
            # Of empty lines at the end alone a cell cannot always tell.
            assert (change.wanted or change.aside).rstrip(b"\n") == expected[change.file].rstrip(b"\n")
        place.apply(comparison)
        changed = {change.file for change in comparison.files if change.wanted is not None}
        for file in ("pk/hear.py", "pk/words.py"):
            if file in changed:
                assert place.read(file).rstrip(b"\n") == expected[file].rstrip(b"\n")
        place.git("checkout", "-q", ".")


class Cells:
    """As much of a notebook as its library is read from."""

    def __init__(self, cells):
        self.cells = cells


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("LAST = 7", "LAST = 7\n", None),  # an editor's newline says nothing
        ("LAST = 7", "LAST = 8", "LAST = 8\n"),
        ("LAST = 7", "LAST = 8\n", "LAST = 8\n"),
        ("LAST = 7", "LAST = 7\n\n\n", "LAST = 7\n\n\n"),
        ("LAST = 7", "LAST = 7\nMORE = 8\n\n", "LAST = 7\nMORE = 8\n\n"),
    ],
)
def test_the_end_of_a_file_is_as_the_cell_writes_it(place, old, new, expected):
    place.edit("pk/words.py", old, new)
    before = place.read("pk/words.py")
    assert place.apply()
    after = place.read("pk/words.py")
    assert after == (before if expected is None else before.replace(b"LAST = 7\n", expected.encode()))


def test_a_file_that_an_ordinary_cell_writes_comes_home_too(place):
    cell = place.cell('__import__("pathlib").Path(_kernelgen_library, "pk/odd.py")')
    cell["source"] = cell["source"].replace("X = 1", "X = 11")
    data = place.cell('__import__("pathlib").Path(_kernelgen_library, "pk/sign.bin")')
    data["source"] = data["source"].replace('"AAEC', '"//EC')
    comparison = place.compare(place.saved())
    assert "pk/sign.bin: changed on Kaggle; --apply writes it\n(no text: 256 bytes before, 256 after)" in (
        comparison.report()
    )
    assert place.apply(comparison)
    assert place.read("pk/odd.py") == b"...\nX = 11\n"
    assert place.read("pk/sign.bin") == b"\xff\xf1" + bytes(range(2, 256))


def test_edits_here_and_there_are_put_together(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    place.write("pk/words.py", place.read("pk/words.py").replace(b"LAST = 7", b"LAST = 70"))
    comparison = place.compare()
    (change,) = comparison.files
    assert "at different places" in change.message and "-FIRST = 1" in change.diff
    assert "-LAST = 7" not in change.diff and comparison.conflicts == ()
    assert place.apply(comparison)
    assert b"FIRST = 10\n" in place.read("pk/words.py") and b"LAST = 70\n" in place.read("pk/words.py")
    again = place.compare()
    assert again.clean and "1 library file changed in the same way here" in again.report()


def test_line_ends_that_were_changed_here_are_no_conflict_and_stay(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    here = place.read("pk/words.py").replace(b"\n", b"\r\n")
    place.write("pk/words.py", here)
    assert place.apply() and place.read("pk/words.py") == here.replace(b"FIRST = 1", b"FIRST = 10")


def test_a_conflict_is_shown_from_both_sides_and_nothing_here_is_lost(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    place.edit("pk/windows.py", "X = 1", "X = 2")
    here = place.read("pk/words.py").replace(b"FIRST = 1", b"FIRST = 100")
    place.write("pk/words.py", here)
    comparison = place.compare()
    assert comparison.conflicts == ("pk/words.py",) and not comparison.clean
    report = comparison.report()
    assert report.startswith("pk-case: 1 library file changed on Kaggle, 1 conflict (")
    assert "pk/words.py: CONFLICT" in report and "+FIRST = 10\n" in report and "+FIRST = 100\n" in report
    assert place.apply(comparison) is False
    assert place.read("pk/words.py") == here and b"X = 2" in place.read("pk/windows.py")
    wrote, refused = place.said
    assert wrote == "wrote pk/windows.py" and refused.startswith("error: pk/words.py: not written: conflict; see ")
    marked = (place.out / "case/pulled/pk/words.py").read_text()
    assert "<<<<<<< here\nFIRST = 100\n=======\nFIRST = 10\n>>>>>>> on Kaggle\n" in marked


def test_what_git_puts_together_without_seeing_that_it_breaks_is_a_conflict(place):
    place.edit("pk/words.py", "FIRST = 1\n", "FIRST = (1,\n")
    place.edit("pk/words.py", "THIRD = 3\n", "3)\n")
    place.edit("pk/words.py", "SECOND = 2\n", "2,\n")
    place.write("pk/words.py", place.read("pk/words.py").replace(b"LAST = 7", b"def"))
    comparison = place.compare()
    assert comparison.conflicts == ("pk/words.py",) and "it is broken (pk/words.py:" in comparison.report()


def test_a_file_that_is_gone_here_is_a_conflict_and_is_not_made_again(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    (place.root / "pk/words.py").unlink()
    comparison = place.compare()
    assert comparison.conflicts == ("pk/words.py",) and "no longer here" in comparison.report()
    assert place.apply(comparison) is False and not (place.root / "pk/words.py").exists()


def test_a_broken_module_is_shown_and_refused(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = (1")
    place.edit("pk/windows.py", "X = 1", "X = 2")
    before = place.read("pk/words.py")
    comparison = place.compare()
    assert "pk/words.py: changed on Kaggle, and cannot be taken over: pk/words.py:3: is not valid Python" in (
        comparison.report()
    )
    assert "+FIRST = (1\n" in comparison.report() and "1 that cannot be taken over" in comparison.report()
    assert place.apply(comparison) is False and place.read("pk/words.py") == before
    assert b"X = 2" in place.read("pk/windows.py")


def test_a_removed_cell_deletes_nothing_and_says_how(place):
    place.notebook["cells"].remove(place.module("pk/words.py"))
    comparison = place.compare()
    assert not comparison.clean and "git rm pk/words.py" in comparison.report()
    assert place.apply(comparison) and (place.root / "pk/words.py").exists()
    (place.root / "pk/words.py").unlink()
    assert "words" not in place.compare().report().replace("### pk.words", "")


def test_a_cell_that_no_longer_writes_its_file_is_named(place):
    cell = place.module("pk/words.py")
    cell["source"] = "# mine\n" + cell["source"]
    place.cell('__import__("pathlib").Path(_kernelgen_library, "pk/odd.py")')["source"] = (
        'x = open(Path(_kernelgen_library, "pk/odd.py"))'
    )
    comparison = place.compare()
    for file in ("pk/words.py", "pk/odd.py"):
        assert f"{file}: cell " in comparison.report() and "no longer writes it" in comparison.report()
    assert place.apply(comparison) is False


def test_empty_lines_above_the_magic_are_nothing(place):
    cell = place.module("pk/words.py")
    cell["source"] = "\n  \n" + cell["source"]
    assert place.compare().clean


def test_a_new_module_is_made_where_there_is_none(place):
    new = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    place.notebook["cells"].insert(9, new | {"source": "%%writefile {_kernelgen_library}/pk/deep/new.py\nX = 1"})
    place.notebook["cells"].insert(9, new | {"source": "%%writefile {_kernelgen_library}/pk/unused.py\nX = 1"})
    comparison = place.compare()
    (change,) = comparison.files  # pk/unused.py is what it was at the commit
    assert change.file == "pk/deep/new.py" and change.message == "pk/deep/new.py: is new on Kaggle; --apply writes it"
    assert change.diff[:2] == ("--- /dev/null", "+++ b/pk/deep/new.py")
    assert place.apply(comparison) and place.read("pk/deep/new.py") == b"X = 1\n"
    assert place.compare().clean
    place.write("pk/deep/new.py", "X = 3\n")
    assert place.compare().conflicts == ("pk/deep/new.py",)
    assert place.apply() is False and place.read("pk/deep/new.py") == b"X = 3\n"


def test_an_empty_module_that_was_filled_and_one_that_was_emptied(place):
    new = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    place.notebook["cells"].insert(9, new | {"source": "%%writefile {_kernelgen_library}/pk/__init__.py\nNAME = 'pk'"})
    place.module("pk/words.py")["source"] = "%%writefile {_kernelgen_library}/pk/words.py"
    assert place.apply()
    assert place.read("pk/__init__.py") == b"NAME = 'pk'\n" and place.read("pk/words.py") == b""


def test_two_cells_that_write_one_file_differently_are_refused(place):
    place.notebook["cells"].insert(12, dict(place.module("pk/words.py")))
    assert place.compare().clean
    place.notebook["cells"][12]["source"] += "\nX = 1"
    comparison = place.compare()
    assert "pk/words.py: cells " in comparison.report() and "write it differently" in comparison.report()
    assert place.apply(comparison) is False


@pytest.mark.parametrize(
    "line",
    [
        "%%writefile {_kernelgen_library}/other.py",
        "%%writefile {_kernelgen_library}/kernel_templates/case.py.j2",
        "%%writefile {_kernelgen_library}/../evil.py",
        "%%writefile {_kernelgen_library}//tmp/evil.py",
        "%%writefile {_kernelgen_library}/pk/../../evil.py",
        "%%writefile {_kernelgen_library}/pk",
        "%%writefile {_kernelgen_library}/pk/.git/config",
        "%%writefile {_kernelgen_library}/pk/link/evil.py",
        "%%writefile {_kernelgen_library}/pk/link.py",
        "%%writefile {_kernelgen_library}/pk/round.py",
        "%%writefile {_kernelgen_library}/pk/a\0b.py",
        "%%writefile {_kernelgen_library}/pk/a\x1b[31mb.py",
        "%%writefile {_kernelgen_library}/pk/folder.py",
        "%%writefile {_kernelgen_library}/pk/words.py/x.py",
    ],
)
def test_nothing_outside_the_library_is_ever_written(place, line, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "link.py").write_text("mine\n")
    os.symlink(outside, place.root / "pk/link")
    os.symlink(outside / "link.py", place.root / "pk/link.py")
    os.symlink("round.py", place.root / "pk/round.py")
    (place.root / "pk/folder.py").mkdir()
    before = place.files()
    place.notebook["cells"].append({"cell_type": "code", "source": f"{line}\nx = 1", "metadata": {}})
    comparison = place.compare()
    assert not comparison.clean and "\x1b" not in comparison.report() and "\0" not in comparison.report()
    assert place.apply(comparison) is False
    assert place.files() == before and os.listdir(outside) == ["link.py"]
    assert (outside / "link.py").read_text() == "mine\n" and not (tmp_path / "evil.py").exists()


def test_a_link_within_the_library_stays_a_link(place):
    os.rename(place.root / "pk/words.py", place.root / "pk/_words.py")
    os.symlink("_words.py", place.root / "pk/words.py")
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    assert place.apply()
    assert (place.root / "pk/words.py").is_symlink() and b"FIRST = 10" in place.read("pk/_words.py")


def test_a_file_keeps_its_mode(place):
    (place.root / "pk/words.py").chmod(0o755)
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    assert place.apply() and (place.root / "pk/words.py").stat().st_mode & 0o777 == 0o755


def test_what_was_changed_here_since_the_comparison_is_not_overwritten(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    comparison = place.compare()
    place.write("pk/words.py", "mine\n")
    assert place.apply(comparison) is False and place.read("pk/words.py") == b"mine\n"
    assert "pull again" in place.said[0]


def test_where_one_file_cannot_be_written_none_is(place, monkeypatch):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = 10")
    place.edit("pk/hear.py", "Hears", "Listens")
    place.notebook["cells"].append(
        {"cell_type": "code", "source": "%%writefile {_kernelgen_library}/pk/deep/new.py\nX = 1", "metadata": {}}
    )
    before, comparison = place.files(), place.compare()
    calls = []

    def chmod(path, mode):
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "chmod", chmod)
    with pytest.raises(KernelgenError, match=r"pk/words.py: cannot be written: No space left on device; written: noth"):
        place.apply(comparison)
    assert place.files() == before and not (place.root / "pk/deep").exists()


def test_half_a_character_is_refused_in_one_line(place):
    place.edit("pk/words.py", "FIRST = 1", "FIRST = '\ud83d'")
    comparison = place.compare()
    assert "half a character" in comparison.report()
    comparison.report().encode("utf-8")
    assert place.apply(comparison) is False


def test_a_single_file_may_be_the_library(write_project, place):
    recipe = 'library = "single"\n[kernels.case]\ntemplate = "case"\n'
    case = "# %% [markdown]\n# {{ provenance() }}\n\n# %%\n{{ library() }}\n\n# %%\nimport single\n"
    place.root = write_project(recipe, case, {"single.py": "X = 1\n"}, folder="other")
    place.commit()
    place.push()
    place.edit("single.py", "X = 1", "X = 2")
    assert place.apply() and place.read("single.py") == b"X = 2\n"
