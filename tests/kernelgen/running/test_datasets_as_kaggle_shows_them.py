"""A dataset of ours in a run: what is uploaded of its folder, its archives unpacked."""

import bz2
import gzip
import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from kernelgen.chaining.inputs import Chain, mounts_for
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project
from kernelgen.running.layouts import Mount, lay_out
from kernelgen.running.room import INPUT, Room

RECIPE = 'library = "pk"\n[kernels.case]\ntemplate = "case"\nsources = { w = "dataset:my-weights" }\n'
DESCRIPTION = 'title = "My weights"\nlicense = "other"\n'


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, f"text of {name}")
    return packed.getvalue()


def tarred(mode: str, *names: str, link: str = "", content: bytes = b"text") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        if link:
            entry = tarfile.TarInfo("link")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            archive.addfile(entry)
    return packed.getvalue()


@pytest.fixture
def seen(write_project, tmp_path):
    """Writes a dataset with these files; returns the names that a run sees, and where they lead."""

    def seen(files, *, given=False, is_fenced=False):
        project = load_project(
            write_project(
                RECIPE,
                "W = {{ sources.w | literal }}\n",
                {
                    f"datasets/my-weights/{name}": content
                    for name, content in {"dataset.toml": DESCRIPTION, **files}.items()
                },
            )
        )
        dataset = project.datasets["my-weights"]
        dataset.write_metadata("ann")
        inputs = {"my-weights": dataset.folder} if given else {}
        mounts = mounts_for(Chain(project, [], tmp_path / "out", inputs), project.kernels["case"])
        room = Room(tmp_path / "root", is_fenced)
        lay_out(mounts, "old", room)
        root = room.inside(INPUT / "my-weights")
        before = sorted(str(path.relative_to(dataset.folder)) for path in dataset.folder.rglob("*"))
        names = [path for path in root.rglob("*") if not path.is_dir() or path.is_symlink()]
        names += [below for path in names if path.is_dir() for below in path.rglob("*") if below.is_file()]
        files_seen = sorted(str(path.relative_to(root)) for path in names if not path.is_dir())
        assert before == sorted(str(path.relative_to(dataset.folder)) for path in dataset.folder.rglob("*"))
        seen.room, seen.root, seen.dataset = room, root, dataset
        return files_seen

    return seen


def name_of_file(value):
    """A test is called by its archive's name: the archive's bytes hold the time at which it was packed."""
    return value if isinstance(value, str) else ""


@pytest.mark.parametrize("given", [False, True])
def test_only_what_is_uploaded_is_seen(seen, given):
    files = {"a.bin": "a", "deep/b.bin": "b", ".cache/state": "s", "README.md": "how it was made"}
    assert seen(files, given=given) == ["a.bin", "deep/b.bin"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("weights.zip", zipped("model.bin", "deep/b.txt"), ["weights/deep/b.txt", "weights/model.bin"]),
        ("WEIGHTS.ZIP", zipped("model.bin"), ["WEIGHTS/model.bin"]),
        ("train.csv.zip", zipped("train.csv"), ["train.csv/train.csv"]),
        ("weights.tar", tarred("w", "model.bin"), ["weights/model.bin"]),
        ("weights.tar.gz", tarred("w:gz", "deep/model.bin"), ["weights/deep/model.bin"]),
        ("weights.tgz", tarred("w:gz", "model.bin"), ["weights/model.bin"]),
        ("weights.tar.xz", tarred("w:xz", "model.bin"), ["weights/model.bin"]),
        ("v1.2.tar.bz2", tarred("w:bz2", "model.bin"), ["v1.2/model.bin"]),
        ("outer.zip", zipped("inner.zip"), ["outer/inner.zip"]),
        ("inner.zip", zipped("dataset.toml", ".cache/x"), ["inner/.cache/x", "inner/dataset.toml"]),
        # Archives by their content only: Kaggle goes by the name.
        ("model.pth", zipped("data.pkl"), ["model.pth"]),
        ("tiny-1.0-py3-none-any.whl", zipped("tiny.py"), ["tiny-1.0-py3-none-any.whl"]),
        # What is not an archive by its name.
        ("table.csv.bz2", bz2.compress(b"1,2"), ["table.csv.bz2"]),
        (".zip", zipped("a"), [".zip"]),
        ("..tar.gz", tarred("w:gz", "a"), ["..tar.gz"]),
        ("zip.tar", tarred("w", "a", content=zipped("b")), ["zip/a"]),
    ],
    ids=name_of_file,
)
def test_archives_are_unpacked_as_kaggle_does(seen, name, content, expected):
    assert seen({name: content}) == expected


def test_two_files_that_become_one_folder_are_told(seen):
    with pytest.raises(KernelgenError, match="x.zip: cannot be unpacked as Kaggle does: File exists: x"):
        seen({"x.zip": zipped("a"), "x/b": "b"})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bad.zip", zipped("../../escaped.txt")),
        ("bad.tar", tarred("w", "../../escaped.txt")),
        ("bad.tar", tarred("w", "a", link="/etc/passwd")),
        ("bad.tar", tarred("w", "a", link="../../../../escaped.txt")),
    ],
    ids=["zip", "tar", "absolute link", "link up"],
)
def test_no_member_gets_out_of_its_folder(seen, tmp_path, name, content):
    try:
        names = seen({name: content})
        assert all(path.startswith("bad/") and not Path(seen.root, path).is_symlink() for path in names)
    except KernelgenError as error:
        assert "cannot be unpacked as Kaggle does" in str(error) and "\n" not in str(error)
    assert not list(tmp_path.rglob("escaped.txt")) or all("bad" in str(path) for path in tmp_path.rglob("escaped.txt"))


def test_a_damaged_archive_is_one_line(seen):
    whole = zipped("model.bin")
    with pytest.raises(KernelgenError, match=r"weights.zip: cannot be unpacked as Kaggle does: .*; pack it again"):
        seen({"weights.zip": whole.replace(b"text of", b"xxxx of")})


NOISE = random.Random(0).randbytes(50_000)  # does not get smaller by packing


@pytest.mark.parametrize("kept", [0.001, 0.02, 0.5, 0.7])
@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("a.zip", zipped(*(f"{number}.txt" for number in range(900)))),
        ("a.tar", tarred("w", "a", content=NOISE)),
        ("a.tar.gz", tarred("w:gz", "a", content=NOISE)),
        ("a.tar.bz2", tarred("w:bz2", "a", content=NOISE)),
        ("a.TXZ", tarred("w:xz", "a", content=NOISE)),
    ],
    ids=name_of_file,
)
def test_an_archive_that_broke_off_is_one_line_wherever_it_was_cut(seen, name, whole, kept):
    kept = max(int(len(whole) * kept), 300 if name == "a.tar" else 0)
    with pytest.raises(
        KernelgenError, match=rf"^\S*/{name}: cannot be unpacked as Kaggle does: [^\n]+; pack it again$"
    ):
        seen({name: whole[:kept]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", zipped("x", "x/y")),
        ("a.zip", zipped("x/y", "x")),
        ("a.zip", zipped("n" * 250 + "/" + "n" * 300)),
        ("a.tar", tarred("w", "x", "x/y")),
        ("a.tar.bz2", tarred("w:bz2", "a", content=NOISE * 40).replace(b"1AY&SY", b"1AY&SX")),
        # Kaggle goes by the name, and so do we.
        ("a.zip", b"1,2 PK\3\4"),
        ("a.tar.gz", gzip.compress(b"1,2")),
        ("a.tar", b""),
    ],
    ids=["zip", "zip, folder first", "long name", "tar", "damaged bz2", "text", "compressed text", "empty"],
)
def test_an_archive_that_no_folder_can_hold_is_one_line(seen, name, content):
    with pytest.raises(
        KernelgenError, match=rf"^\S*/{name}: cannot be unpacked as Kaggle does: [^\n]+; pack it again$"
    ):
        seen({name: content})


def test_a_link_of_the_users_own_is_followed(seen, tmp_path):
    (tmp_path / "far.bin").write_text("far")
    seen({"a.txt": "a", "b.txt": "b"})
    (seen.dataset.folder / "far.bin").symlink_to(tmp_path / "far.bin")
    mounts = [Mount("dataset", "w", "ann", seen.dataset.folder, uploaded=tuple(seen.dataset.entries()))]
    room = Room(tmp_path / "second", is_fenced=True)
    lay_out(mounts, "old", room)
    assert room.binds[-1] == (tmp_path / "far.bin", INPUT / "w/far.bin", True)
