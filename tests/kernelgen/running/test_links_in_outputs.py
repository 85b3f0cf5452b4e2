"""No link that a kernel leaves leads to the host's files: not for the next kernel, not for a dataset, not for a copy."""

import os
from pathlib import Path

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.links import keep_links_inside
from kernelgen.running.execution import run_notebook
from kernelgen.running.layouts import Mount, lay_out
from kernelgen.running.room import INPUT, WORKING, Room


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A run's output, beside a file and a folder of the host."""
    folder = tmp_path / "out" / "run"
    (folder / "deep").mkdir(parents=True)
    (folder / "real.txt").write_text("real")
    (folder / "deep" / "inner.txt").write_text("inner")
    (tmp_path / "secret.txt").write_text("secret of the host")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("key of the host")
    return folder


@pytest.mark.parametrize(
    "links",
    [
        {"a": "{host}/secret.txt"},
        {"a": "../../secret.txt"},
        {"a": "deep/../../../secret.txt"},
        {"deep/a": "../../../private"},
        {"folder": "{host}/private", "a": "folder/key"},
        {"a": "b", "b": "c", "c": "{host}/secret.txt"},
        {"up": "..", "a": "up/../secret.txt"},
        {"a": "{host}/out/../secret.txt"},
        {"a": "/kaggle/working/../../etc/passwd"},
        {"a": "/proc/self/root"},
        {"a": "/nowhere/yet"},
    ],
)
def test_a_link_out_of_an_output_is_removed(output: Path, tmp_path: Path, links: dict[str, str]) -> None:
    for name, target in links.items():
        (output / name).symlink_to(target.format(host=tmp_path))
    removed = keep_links_inside(output, WORKING)
    assert set(removed) >= {
        name for name, target in links.items() if not target.startswith(("b", "c", "folder", "up/"))
    }
    read = [path.read_text() for path in output.rglob("*") if path.is_file()]
    assert sorted(read) == ["inner", "real"]
    assert (tmp_path / "secret.txt").exists() and (tmp_path / "private" / "key").exists()


def test_links_that_stay_inside_are_kept(output: Path, tmp_path: Path) -> None:
    links = {"near": "real.txt", "deep/up": "../real.txt", "folder": "deep", "gone": "missing", "circle": "circle"}
    links |= {"absolute": "/kaggle/working/deep/inner.txt", "deep/whole": "/kaggle/working/real.txt"}
    links["by hand"] = f"{output}/deep/inner.txt"  # as a run without isolation writes it
    for name, target in links.items():
        (output / name).symlink_to(target)
    assert keep_links_inside(output, WORKING) == []
    assert {name for name in links if (output / name).is_symlink()} == set(links)
    moved = output.rename(tmp_path / "elsewhere")
    assert (moved / "absolute").read_text() == (moved / "by hand").read_text() == "inner" and (
        moved / "deep/whole"
    ).read_text() == "real"
    assert (moved / "folder" / "inner.txt").read_text() == "inner"


def test_an_output_that_was_not_looked_through_is_mounted_without_following_links(output: Path, tmp_path: Path) -> None:
    (output / "a").symlink_to(tmp_path / "secret.txt")  # as a run leaves it that was killed
    room = Room(tmp_path / "root", is_fenced=True)
    lay_out([Mount("kernel", "pk-a", "ann", output, links_lead_out=False)], "old", room)
    assert room.binds == [(output, INPUT / "pk-a", True)]


@pytest.mark.parametrize("linked", ["run", "case"])
def test_a_run_folder_that_is_a_link_is_neither_emptied_nor_run_in(tools, tmp_path: Path, linked: str) -> None:
    mine = tmp_path / "mine"
    (mine / "run").mkdir(parents=True)
    (mine / "keep.txt").write_text("mine")
    (mine / "run" / "__notebook__.ipynb").write_text("mine")
    folder = tmp_path / "out" / "case" / "run"
    place = folder if linked == "run" else folder.parent
    place.parent.mkdir(parents=True)
    place.symlink_to(mine)
    notebook = tools.write_notebook(tmp_path / "n.ipynb", "1").read_bytes()
    with pytest.raises(
        KernelgenError, match="is a link to .*; remove the link, or name a folder on that disk with --out"
    ):
        run_notebook(notebook, [], folder=folder, time_limit_s=60)
    assert sorted(os.listdir(mine)) == ["keep.txt", "run"] and os.listdir(mine / "run")


def test_a_folder_that_no_run_made_is_not_emptied(tools, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("mine")
    notebook = tools.write_notebook(tmp_path / "n.ipynb", "1").read_bytes()
    with pytest.raises(KernelgenError, match=r"holds thesis.tex but no __notebook__.ipynb, so no run made it"):
        run_notebook(notebook, [], folder=tmp_path / "run", time_limit_s=60)
    assert (tmp_path / "run" / "thesis.tex").exists()
