"""Edits of the library on Kaggle come home byte for byte, and no other byte changes."""

import os
import shutil
from itertools import product
from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.inlining.library import BOM
from kernelgen.inlining.magic import body_for_magic
from kernelgen.pulling.library_edits import as_it_was

WAYS = [
    dict(zip(("lists", "windows", "ids", "metadata"), map(bool, way), strict=True)) for way in product([0, 1], repeat=4)
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: "+".join(name for name in way if way[name]) or "plain")
def test_a_notebook_that_was_only_saved_on_kaggle_is_unchanged(place, way):
    pulled = place.pull(place.saved(**way))
    assert "nothing was edited on Kaggle" in pulled.report and pulled.is_complete and place.branches == ["main"]


@pytest.mark.parametrize("way", [{}, {"windows": True}, {"lists": True, "ids": True}], ids=str)
def test_edited_files_come_home_and_no_other_byte_changes(place, way):
    place.edit("SECOND = 2\n", "SECOND = 'größe 🐦'\n\n\nMORE = 2\n")
    place.edit("Y = 2\r\n", "Y = 22\r\nYY = 3\r\n")
    place.edit("'X = 1", "'X = 11")
    place.edit('"AAEC', '"//EC')
    report = place.pull(place.saved(**way)).report
    words = place.read("pk/words.py").replace(b"SECOND = 2\n", "SECOND = 'größe 🐦'\n\n\nMORE = 2\n".encode())
    assert place.pulled() == ["pk/odd.py", "pk/sign.bin", "pk/windows.py", "pk/words.py"]
    assert place.pulled("pk/words.py") == words
    assert place.pulled("pk/windows.py") == BOM + b'"""Windows."""\r\n\r\nX = 1\r\nY = 22\r\nYY = 3\r\nZ = 3'
    assert place.pulled("pk/odd.py") == b"...\nX = 11\n"
    assert place.pulled("pk/sign.bin") == b"\xff\xf1" + bytes(range(2, 256))
    assert "pk/sign.bin: no text: 256 bytes before, 256 after" in report and "+SECOND = 'größe 🐦'" in report


def test_a_new_module_an_emptied_one_and_an_empty_one_that_was_filled(place):
    place.add(place.magic("pk/deep/new.py") + "\nX = 1", position=9)
    place.add(place.magic("pk/unused.py") + "\nX = 1", position=9)  # as it is at the commit
    place.add(place.magic("pk/empty.py"), position=9)
    place.add(place.magic("pk/__init__.py") + "\nNAME = 'pk'", position=9)
    cell = place.cell("pk/words.py\n")
    cell["source"] = cell["source"].partition("\n")[0]
    pulled = place.pull(place.saved())
    assert place.pulled() == ["pk/__init__.py", "pk/deep/new.py", "pk/empty.py", "pk/words.py"]
    assert place.pulled("pk/deep/new.py") == b"X = 1\n" and place.pulled("pk/__init__.py") == b"NAME = 'pk'\n"
    assert place.pulled("pk/words.py") == place.pulled("pk/empty.py") == b""
    assert "--- /dev/null\n+++ b/pk/deep/new.py" in pulled.report


def test_a_removed_cell_deletes_no_file_and_that_is_said(place):
    place.cells.remove(place.cell("}/pk/words.py\n"))
    place.cells.remove(place.cell("### pk.words"))
    pulled = place.pull()
    assert "note: pk/words.py: no cell on Kaggle writes it any more; the file stays (git rm it" in pulled.report
    assert place.branches == ["main"] and pulled.is_complete


def test_a_cell_that_no_longer_writes_its_file_is_shown(place):
    place.cell("}/pk/words.py\n")["source"] = "# mine\n" + place.cell("}/pk/words.py\n")["source"]
    pulled = place.pull()
    assert "pk/words.py: no cell on Kaggle writes it any more" in pulled.report and not pulled.is_complete
    assert "+# mine\n" in pulled.report and place.branches == ["main"]


def test_an_edit_that_does_not_build_is_kept(place):
    place.edit("FIRST = 1\n", "FIRST = (1\n")
    assert place.pull().is_complete
    assert b"FIRST = (1\n" in place.pulled("pk/words.py")


@pytest.mark.parametrize(
    "file",
    ["other.py", "kernel_templates/case.py.j2", "../evil.py", "/tmp/evil.py", "pk/../../evil.py", "pk", "pk/.git/config",
     "pk/link/evil.py", "pk/link.py", "pk/round.py", "pk/a\0b.py", "pk/a\x1b[31mb.py", "pk/folder.py", "pk/words.py/x.py"],
)  # fmt: skip
def test_no_file_outside_the_library_is_ever_written(place, file, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "link.py").write_text("mine\n")
    os.symlink(outside, place.root / "pk/link")
    os.symlink(outside / "link.py", place.root / "pk/link.py")
    os.symlink("round.py", place.root / "pk/round.py")
    place.write("pk/folder.py/x.txt", "x")
    place.commit()
    place.push()
    place.add(f"{place.magic(file)}\nx = 1")
    before = place.files()
    with pytest.raises(KernelgenError) as caught:
        place.pull()
    assert "\n" not in str(caught.value) and str(caught.value).isprintable()
    assert place.files() == before and place.branches == ["main"]
    assert (outside / "link.py").read_text() == "mine\n" and os.listdir(outside) == ["link.py"]


def test_a_link_within_the_library_stays_a_link_and_a_file_keeps_its_mode(place):
    os.rename(place.root / "pk/words.py", place.root / "pk/_words.py")
    os.symlink("_words.py", place.root / "pk/words.py")
    (place.root / "pk/_words.py").chmod(0o755)
    place.commit()
    place.push()
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    place.pull()
    assert place.pulled() == ["pk/_words.py"]
    assert place.git("ls-tree", "kaggle/case", "pk/_words.py").startswith("100755 ")


def test_half_a_character_is_refused_in_one_line(place):
    place.edit("FIRST = 1\n", "FIRST = '\ud83d'\n")
    with pytest.raises(KernelgenError, match="half a character"):
        place.pull()


def test_what_would_act_on_a_terminal_is_shown_as_text(place):
    place.edit("FIRST = 1\n", "FIRST = 1  # \x1b[2J\u202e\n")
    report = place.pull().report
    assert "\\x1b[2J\\u202e" in report and not {"\x1b", "\u202e"} & set(report)


def test_a_single_file_may_be_the_library(write_project, place):
    recipe = 'library = "single"\n[kernels.case]\ntemplate = "case"\n'
    case = "# %% [markdown]\n# {{ provenance() }}\n\n# %%\n{{ library() }}\n\n# %%\nimport single\n"
    place.root = write_project(recipe, case, {"single.py": "X = 1\n"}, folder="other")
    place.commit()
    place.push()
    place.edit("single.py\nX = 1", "single.py\nX = 2")
    place.pull()
    assert place.pulled("single.py") == b"X = 2\n"


def test_saving_changes_no_byte_of_a_file_that_was_not_edited():
    lines, ends = ["x = 1", "'größe'", "#", "", "'\x0c'", "'\u2028'"], ["\n", "\r\n", "\r"]
    count = 0
    for number, (first, second, end, tail) in enumerate(product(lines, lines, ends, ("", "\n", "\r\n", "\n\n\n"))):
        data = (BOM if number % 5 == 0 else b"") + (first + end + second + tail).encode()
        body = body_for_magic(Path("pk/a.py"), data, is_source=True)
        if body is None:
            continue
        count += 1
        for saved in (
            body,
            body.removesuffix("\n"),
            body.rstrip("\r\n"),
            body.replace("\r\n", "\n").replace("\n", "\r\n"),
        ):
            for written in (saved, saved + "\n"):
                assert as_it_was(written.encode(), data) == data
    assert count > 100


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\r\nb\r\n", "a\nnew\nb\nlast\n", "a\r\nnew\r\nb\r\nlast\r\n"),
        ("a\nb", "a\nc\n", "a\nc"),
        ("a\nb", "c\nb\n", "c\nb"),
        ("a\nb\n\n\n", "c\nb\n", "c\nb\n\n\n"),
        ("a\r\n", "\n", ""),
        ("", "a\n", "a\n"),
    ],
)
def test_the_lines_of_an_edited_file_end_as_they_did(before, after, expected):
    assert as_it_was(after.encode(), before.encode()) == expected.encode()


def test_the_submission_of_the_recipe_goes_the_whole_way(place, tmp_path):
    root = Path(__file__).parents[3]
    place.root = tmp_path / "real"
    for folder in ("birdlib", "kernel_templates"):
        shutil.copytree(root / folder, place.root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for description in (root / "datasets").glob("*/dataset.toml"):
        place.write(f"datasets/{description.parent.name}/dataset.toml", description.read_bytes())
        for path in description.parent.glob("requirements*.txt"):
            place.write(f"datasets/{description.parent.name}/{path.name}", path.read_bytes())
    place.kernel = "submission"
    place.commit()
    place.push()
    assert "nothing was edited" in place.pull(place.saved(windows=True)).report
    files = [cell["source"].partition("\n")[0].partition("}/")[2] for cell in place.cells]
    files = [file for file in files if file.endswith(".py")]
    assert len(files) > 20
    for file in files:
        place.cell(f"}}/{file}\n")["source"] += f"\n# edited on Kaggle: {file}"
    assert place.pull(place.saved(lists=True, ids=True)).is_complete
    assert sorted(place.pulled()) == sorted(files)
    for file in files:
        assert place.pulled(file) == place.read(file).rstrip(b"\n") + f"\n# edited on Kaggle: {file}\n".encode()


def test_a_second_copy_of_a_modules_cell_is_no_cell_of_the_template(place):
    place.cells.insert(12, dict(place.cell("}/pk/words.py\n")))
    assert "nothing was edited on Kaggle" in place.pull().report
    place.cells[12]["source"] = place.cells[12]["source"].replace("FIRST = 1\n", "FIRST = 10\n")
    assert place.pull().is_complete and "kernel_templates/case.py.j2" not in place.pulled()


@pytest.mark.parametrize("linked", ["pk", "kernel_templates/case.py.j2"])
def test_nothing_is_written_through_a_link_out_of_the_commit(place, tmp_path, linked):
    outside = tmp_path / "outside"
    os.rename(place.root / linked, outside)
    os.symlink(outside, place.root / linked)
    place.commit()
    place.push()
    place.edit("FIRST = 1\n", "FIRST = 10\n")
    place.edit("range(3)", "range(4)")
    before = {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()}
    if linked == "pk":
        with pytest.raises(KernelgenError, match="no file of the library pk can lie there"):
            place.pull()
    else:
        assert not place.pull().is_complete and place.pulled() == ["pk/words.py"]
    assert {path: path.read_bytes() for path in before} == before


def test_without_a_commit_a_file_of_the_folder_differs_and_stays(place):
    place.push(commit="no-commit")
    place.write("pk/words.py", "MINE = 1\n")
    pulled = place.pull(place.saved())
    assert "compared with a fresh build (it was built outside git)" in pulled.report
    assert "-MINE = 1" in pulled.report and place.read("pk/words.py") == b"MINE = 1\n"
