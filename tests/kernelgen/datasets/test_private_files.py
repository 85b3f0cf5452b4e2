"""Files that hold secrets are refused before a dataset is filled, shown or sent."""

import io
import json
import tarfile
import zipfile

import pytest

import build_kernels
from kernelgen.datasets import private_files
from kernelgen.datasets.filling import fill
from kernelgen.datasets.private_files import check_private_files
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

DESCRIPTION = 'title = "Some weights"\nlicense = "other"\n'
KEY = "ghp_" + "a1B2" * 9
CREDENTIALS = json.dumps({"username": "ann", "key": "0123456789abcdef" * 2})
RECIPE = 'library = "pk"\n[kernels.case]\ntemplate = "case"\nsources = { w = "dataset:some-weights" }\n'


def zipped(**members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), text)
    return packed.getvalue()


def tarred(name, text):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


@pytest.fixture
def project(write_project):
    def project(files, description=DESCRIPTION):
        all_files = {f"datasets/some-weights/{name}": content for name, content in files.items()}
        return write_project(
            RECIPE,
            "W = {{ sources.w | literal }}\n",
            files={"datasets/some-weights/dataset.toml": description, **all_files},
        )

    return project


@pytest.fixture
def dataset(project):
    return lambda *arguments: load_project(project(*arguments)).datasets["some-weights"]


def refusal(dataset):
    with pytest.raises(KernelgenError) as error:
        check_private_files(dataset)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("kaggle.json", CREDENTIALS, "is a file that holds secrets, by its name"),
        (".env", "A=1\n", "is a file that holds secrets, by its name"),
        ("keys/id_rsa", "", "is a file that holds secrets, by its name"),
        ("config.json", CREDENTIALS, "holds a Kaggle key in line 1"),
        ("notes.txt", f"one\ntwo {KEY}\n", "holds a GitHub token in line 2"),
        ("notes.txt", f"one {KEY}".encode("utf-16"), "holds a GitHub token in line 1"),
    ],
    ids=["kaggle.json", ".env", "ssh", "by its content", "text", "utf-16"],
)
def test_a_file_with_secrets_is_named_with_the_way_out(dataset, name, content, what):
    assert refusal(dataset({name: content, "a.bin": "weights"})) == (
        f"datasets/some-weights: {name} {what}, and would be uploaded; take it out, or, if it is no secret, write "
        f'not_secret = ["{name}"] into dataset.toml'
    )


@pytest.mark.parametrize(
    ("name", "content", "member"),
    [
        ("all.zip", zipped(a_dot_bin="weights", deep__kaggle_dot_json=CREDENTIALS), "all.zip/deep/kaggle.json"),
        ("all.tar.gz", tarred("deep/.env", "A=1"), "all.tar.gz/deep/.env"),
    ],
    ids=["zip", "tar"],
)
def test_so_is_a_member_of_an_archive(dataset, name, content, member):
    assert f"datasets/some-weights: {member} " in refusal(dataset({name: content}))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_damaged_archive_is_left_to_who_unpacks_it(dataset, kept):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        for number in range(300):
            archive.addfile(tarfile.TarInfo(f"{number}.txt"))
    damaged = bytearray(packed.getvalue())
    damaged[int(len(damaged) * kept)] ^= 0xFF
    check_private_files(dataset({"a.tar.xz": bytes(damaged), "a.zip": b"PK\3\4"}))


def test_the_description_is_uploaded_too(dataset):
    assert "dataset.toml holds a GitHub token" in refusal(
        dataset({"a.bin": "w"}, f'{DESCRIPTION}description = "see {KEY}"\n')
    )


def test_the_credentials_in_use_are_found_in_any_file(dataset, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "quite-a-secret-of-mine")
    assert "holds a secret of this machine's credentials" in refusal(
        dataset({"a.bin": b"\0\1quite-a-secret-of-mine\2"})
    )


def test_every_such_file_is_told_and_what_is_said_to_be_none_passes(dataset):
    files = {"kaggle.json": "{}", ".env": "A=1"}
    assert len(refusal(dataset(files)).splitlines()) == 2
    check_private_files(dataset(files, f'{DESCRIPTION}not_secret = ["kaggle.json", ".env"]\n'))


def test_plain_files_pass_however_large(dataset, monkeypatch):
    monkeypatch.setattr(private_files, "READ_BYTES", 1000)
    check_private_files(dataset({"labels.csv": "name,key\nrobin,a\n" * 1000, "a.zip": b"no archive", "b.tar": b""}))


def test_neither_filling_nor_a_dry_run_passes_it_over(project, capsys):
    root = project({"a.bin": "w", "kaggle.json": CREDENTIALS})
    with pytest.raises(KernelgenError, match="kaggle.json is a file that holds secrets"):
        fill(load_project(root).datasets["some-weights"], "ann")
    arguments = ["--project", str(root), "--owner", "ann", "--target", "case", "--push", "--dry-run", "--commit", "x"]
    assert build_kernels.main(arguments) == 1
    captured = capsys.readouterr()
    assert (
        captured.err.startswith("error: datasets/some-weights: kaggle.json is a file") and "would" not in captured.out
    )
