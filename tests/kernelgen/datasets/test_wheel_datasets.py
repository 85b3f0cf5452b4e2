"""A wheel dataset is filled from pinned hashes, or not at all."""

import base64
import hashlib
import json
import zipfile

import pytest

from kernelgen.datasets.filling import fill, is_filled
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

DESCRIPTION = """title = "Some wheels"
license = "apache-2.0"
subtitle = "Packages for kernels without network"
[wheels]
pythons = ["3.11", "3.12"]
provides = ["tiny"]
"""


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes wheels from instead of an index; returns the function that makes one there."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def make(name, version, tag):
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"TAG = {tag!r}\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        record = ""
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text)}\n"
        path = folder / f"{name}-{version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for inside, text in {**files, f"{info}/RECORD": record}.items():
                wheel.writestr(inside, text)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return make


@pytest.fixture
def dataset(write_project):
    def dataset(requirements):
        files = {
            "datasets/some-wheels/dataset.toml": DESCRIPTION,
            "datasets/some-wheels/requirements.txt": requirements,
        }
        return load_project(write_project(files=files)).datasets["some-wheels"]

    return dataset


@pytest.fixture
def tiny(index):
    """Pins for a package with a wheel for each Python, and one that serves both."""
    tags = ("cp311-cp311-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_x86_64")
    hashes = [index("tiny", "1.0", tag) for tag in tags]
    both = index("pure", "2.0", "py3-none-any")
    pins = " \\\n    ".join(["tiny==1.0", *(f"--hash=sha256:{digest}" for digest in hashes)])
    return f"# pinned\n{pins}\npure==2.0 --hash=sha256:{both}\n"


def test_filling_downloads_every_wheel_and_writes_the_metadata(dataset, tiny):
    wheels = dataset(tiny)
    assert not is_filled(wheels)
    names = [path.name for path in fill(wheels, "someone")]
    assert names == [
        "pure-2.0-py3-none-any.whl",
        "tiny-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "tiny-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "dataset-metadata.json",
    ]
    assert is_filled(wheels) and wheels.provides == ("tiny",)
    metadata = (wheels.folder / "dataset-metadata.json").read_bytes()
    assert metadata.isascii()
    assert json.loads(metadata) == {
        "id": "someone/some-wheels",
        "title": "Some wheels",
        "subtitle": "Packages for kernels without network",
        "keywords": [],
        "licenses": [{"name": "apache-2.0"}],
    }
    assert sorted(path.name for path in wheels.folder.parent.iterdir()) == ["some-wheels"]


def test_a_filled_dataset_is_not_downloaded_again(dataset, tiny, monkeypatch, tmp_path, messages):
    wheels = dataset(tiny)
    fill(wheels, "someone")
    messages.clear()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))
    assert len(fill(wheels, "someone")) == 4 and messages == []


def test_a_damaged_wheel_is_replaced_and_an_old_one_removed(dataset, tiny):
    wheels = dataset(tiny)
    fill(wheels, "someone")
    (wheels.folder / "pure-2.0-py3-none-any.whl").write_bytes(b"cut")
    (wheels.folder / "tiny-0.9-py3-none-any.whl").write_bytes(b"old")
    assert not is_filled(wheels)
    fill(wheels, "someone")
    assert is_filled(wheels) and not (wheels.folder / "tiny-0.9-py3-none-any.whl").exists()


def test_a_wrong_hash_is_one_line_and_leaves_the_folder_as_it_was(dataset, tiny):
    wheels = dataset(tiny.replace("pure==2.0 --hash=sha256:", "pure==2.0 --hash=sha256:" + "0" * 4)[:-5] + "\n")
    with pytest.raises(KernelgenError) as error:
        fill(wheels, "someone")
    assert (
        "DO NOT MATCH THE HASHES" in str(error.value)
        and "pure==2.0" in str(error.value)
        and "\n" not in str(error.value)
    )
    assert sorted(path.name for path in wheels.folder.iterdir()) == ["dataset.toml", "requirements.txt"]
    assert [path.name for path in wheels.folder.parent.iterdir()] == ["some-wheels"]


def test_a_package_that_is_nowhere_and_a_missing_index_are_one_line(dataset, index, monkeypatch):
    wheels = dataset(f"gone==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(KernelgenError, match="datasets/some-wheels: pip could not download for Python 3.11: No ma"):
        fill(wheels, "someone")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(KernelgenError, match="^datasets/some-wheels: the package index cannot be reached"):
        fill(wheels, "someone")


@pytest.mark.parametrize(
    ("pin", "says"),
    [
        ("tiny", "versions pinned with ==.*tiny"),
        ("tiny==1.0", "missing from some requirements.*tiny==1.0"),
        ("tiny>=1.0 --hash=sha256:" + "0" * 64, "versions pinned with ==.*tiny>=1.0"),
    ],
)
def test_what_is_not_pinned_with_a_hash_is_refused(dataset, tiny, pin, says):
    wheels = dataset(pin + "\n")
    assert not is_filled(wheels)
    with pytest.raises(KernelgenError, match=f"^datasets/some-wheels: [^\n]*{says}[^\n]*$"):
        fill(wheels, "someone")


def test_a_dataset_of_files_is_filled_when_files_are_there(write_project):
    root = write_project(files={"datasets/weights/dataset.toml": 'title = "Weights"\nlicense = "other"\n'})
    weights = load_project(root).datasets["weights"]
    with pytest.raises(KernelgenError, match="datasets/weights: is empty"):
        fill(weights, "someone")
    (weights.folder / "model.bin").write_bytes(b"x")
    assert [path.name for path in fill(weights, "someone")] == ["model.bin", "dataset-metadata.json"]
    assert is_filled(weights)
