"""What a kernel sees of the world while it runs, and what it leaves behind."""

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.layouts import Mount

pytestmark = [pytest.mark.usefixtures("fence"), pytest.mark.xdist_group("runs")]

LOOK_AROUND = """
    import errno, importlib.util, json, os, socket, subprocess, sys
    facts = {}

    def error_of(action):
        try:
            action()
            return ""
        except OSError as error:
            return errno.errorcode.get(error.errno, type(error).__name__)

    def tree(root):
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
"""
SAVE = "json.dump(facts, open('facts.json', 'w'))"
LINGER = "97531.0"


@pytest.fixture(scope="module")
def sources(tools, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Input folders: a competition with links out of it, wheels, a kernel's output, a model."""
    root = tmp_path_factory.mktemp("sources")
    far = root / "far"
    (far / "recordings").mkdir(parents=True)
    (far / "recordings" / "a.ogg").write_text("recording a")
    (far / "lonely.csv").write_text("far away")
    competition = root / "competition"
    (competition / "train" / "deep").mkdir(parents=True)
    (competition / "train" / "plain.txt").write_text("plain")
    (competition / "train" / "deep" / "linked.csv").symlink_to(far / "lonely.csv")
    (competition / "test_soundscapes").symlink_to(far / "recordings")
    (competition / "near.txt").symlink_to("train/plain.txt")
    for name, text in (("kernel", "weights"), ("model", "layers")):
        (root / name).mkdir()
        (root / name / "file.txt").write_text(text)
    for name in ("tinyone", "tinytwo"):
        tools.write_wheel(root / "wheels", name)
    return root


def mounts_of(sources: Path) -> list[Mount]:
    return [
        Mount("competition", "birds-2023", "owner", sources / "competition"),
        Mount("dataset", "wheels", "someone", sources / "wheels"),
        Mount("kernel", "birdlib-export", "owner", sources / "kernel"),
        Mount("model", "net/pyTorch/small/2", "google", sources / "model"),
    ]


@pytest.fixture(scope="module")
def listening() -> Iterator[int]:
    """The port of a server on this machine, which a kernel must not reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: _greet(server), daemon=True).start()
        yield server.getsockname()[1]


def _greet(server: socket.socket) -> None:
    try:
        while True:
            server.accept()[0].close()
    except OSError:
        return


@pytest.fixture(scope="module")
def environment_of_the_host():
    """Variables of which a run is given some."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SECRET_OF_THE_HOST", "OMP_NUM_THREADS", "KAGGLE_IS_COMPETITION_RERUN"):
            patch.setenv(name, "1")
        yield


@pytest.fixture(scope="module")
def new(fence, tools, tmp_path_factory: pytest.TempPathFactory, sources: Path, listening: int, environment_of_the_host):
    """One run in the new layout that looks at everything."""
    secret = Path(tempfile.gettempdir())
    return tools.run_cells(
        tmp_path_factory.mktemp("new"),
        "md:# What it sees",
        LOOK_AROUND,
        f"""
        facts["visible"] = [p for p in {[str(REPOSITORY), str(secret), str(Path.home()), str(sources)]!r}
                            if p not in ("/", "/root", "/tmp") and os.path.exists(p)]
        facts["root"] = os.listdir("/root")
        facts["temporary"] = [name for name in os.listdir("/tmp") if not name.startswith("tmp")]
        facts["interfaces"] = [l.split(":")[0].strip() for l in open("/proc/net/dev") if ":" in l]
        facts["outside"] = error_of(lambda: socket.create_connection(("192.0.2.1", 80), 2))
        facts["host"] = error_of(lambda: socket.create_connection(("127.0.0.1", {listening}), 2))
        facts["absent"] = [n for n in ("openvino", "nncf", "kaggle", "jupytext", "kernelgen", "birdlib")
                           if importlib.util.find_spec(n)]
        facts["environment"] = dict(os.environ)
        facts["here"] = os.getcwd()
        facts["processors"] = len(os.sched_getaffinity(0))
        facts["processes"] = len([name for name in os.listdir("/proc") if name.isdigit()])
        """,
        """
        facts["inputs"] = tree("/kaggle/input")
        facts["near"] = open("/kaggle/input/competitions/birds-2023/near.txt").read()
        facts["far"] = open("/kaggle/input/competitions/birds-2023/test_soundscapes/a.ogg").read()
        facts["deep"] = open("/kaggle/input/competitions/birds-2023/train/deep/linked.csv").read()
        known = "/kaggle/input/competitions/birds-2023/train/plain.txt"
        folders = ["", "/datasets/someone/wheels", "/competitions/birds-2023"]
        folders.append("/competitions/birds-2023/test_soundscapes")
        facts["writes"] = [error_of(lambda: open(f"/kaggle/input{folder}/new", "w")) for folder in folders]
        facts["writes"] += [error_of(lambda: open(known, "a")), error_of(lambda: os.remove(known))]
        facts["remount"] = subprocess.run(
            ["mount", "-o", "remount,rw,bind", "/kaggle/input/datasets/someone/wheels"], capture_output=True
        ).returncode
        facts["system"] = [error_of(lambda: open(f"{folder}/new", "w")) for folder in ("/usr", "/opt/python")
                           if os.path.exists(folder)]
        """,
        "%pip install -q --no-index --find-links /kaggle/input/datasets/someone/wheels tinyone",
        "!pip install -q --no-index --find-links /kaggle/input/datasets/someone/wheels tinytwo",
        """
        import tinyone, tinytwo
        facts["installed"] = [tinyone.__file__, tinytwo.__file__]
        facts["prefix"] = sys.prefix
        """,
        """
        %%writefile worker.py
        def double(x):
            return 2 * x
        """,
        """
        import multiprocessing, worker
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            facts["spawned"] = pool.map(worker.double, [1, 2])
        import matplotlib.pyplot as plt
        plt.plot([1, 2])
        plt.savefig("picture.png")
        os.makedirs("/kaggle/temp", exist_ok=True)
        with open("/kaggle/temp/spill", "w") as spill:
            spill.write("spilled")
        os.makedirs("made/deep")
        with open("made/deep/result.txt", "w") as result:
            result.write("kept")
        """,
        f"subprocess.Popen(['sleep', '{LINGER}'], start_new_session=True)",
        SAVE,
        mounts=mounts_of(sources),
    )


@pytest.fixture(scope="module")
def old(fence, tools, tmp_path_factory: pytest.TempPathFactory, sources: Path):
    """The next run, in the old layout."""
    return tools.run_cells(
        tmp_path_factory.mktemp("old"),
        LOOK_AROUND,
        """
        facts["inputs"] = tree("/kaggle/input")
        folders = ["", "/wheels"]
        facts["writes"] = [error_of(lambda: open(f"/kaggle/input{folder}/new", "w")) for folder in folders]
        facts["still there"] = [n for n in ("tinyone", "tinytwo") if importlib.util.find_spec(n)]
        """,
        SAVE,
        mounts=mounts_of(sources),
        layout="old",
    )


def test_a_notebook_without_a_fault_is_a_run_without_a_message(new) -> None:
    assert new.result.ok, new.result.message
    assert new.result.message == ""
    assert (new.result.folder / "__notebook__.ipynb").is_file()


def test_the_network_is_cut(new) -> None:
    assert new.facts["interfaces"] == ["lo"]
    assert new.facts["outside"] == "ENETUNREACH"
    assert new.facts["host"] == "ECONNREFUSED"


def test_neither_the_repository_nor_the_hosts_files_can_be_seen(new) -> None:
    assert new.facts["visible"] == []
    assert set(new.facts["root"]) <= {".ipython", ".cache", ".config", ".local"}
    assert all(name.startswith("ipykernel") for name in new.facts["temporary"])


def test_what_kaggles_image_lacks_and_what_is_ours_cannot_be_imported(new) -> None:
    assert new.facts["absent"] == []


def test_inputs_are_where_kaggle_mounts_them_in_the_new_layout(new) -> None:
    assert new.facts["inputs"] == [
        "/kaggle/input/competitions/birds-2023/near.txt",
        "/kaggle/input/competitions/birds-2023/test_soundscapes/a.ogg",
        "/kaggle/input/competitions/birds-2023/train/deep/linked.csv",
        "/kaggle/input/competitions/birds-2023/train/plain.txt",
        "/kaggle/input/datasets/someone/wheels/tinyone-1.0-py3-none-any.whl",
        "/kaggle/input/datasets/someone/wheels/tinytwo-1.0-py3-none-any.whl",
        "/kaggle/input/models/google/net/pyTorch/small/2/file.txt",
        "/kaggle/input/notebooks/owner/birdlib-export/file.txt",
    ]


def test_inputs_are_where_kaggle_mounts_them_in_the_old_layout(old) -> None:
    assert old.facts["inputs"] == [
        "/kaggle/input/birdlib-export/file.txt",
        "/kaggle/input/birds-2023/near.txt",
        "/kaggle/input/birds-2023/test_soundscapes/a.ogg",
        "/kaggle/input/birds-2023/train/deep/linked.csv",
        "/kaggle/input/birds-2023/train/plain.txt",
        "/kaggle/input/net/pyTorch/small/2/file.txt",
        "/kaggle/input/wheels/tinyone-1.0-py3-none-any.whl",
        "/kaggle/input/wheels/tinytwo-1.0-py3-none-any.whl",
    ]


def test_inputs_are_read_only_also_for_the_runs_root(new, old) -> None:
    assert set(new.facts["writes"]) == {"EROFS"}
    assert set(old.facts["writes"]) == {"EROFS"}
    assert new.facts["remount"] != 0
    assert set(new.facts["system"]) <= {"EROFS"}


def test_links_out_of_an_input_folder_are_followed(new) -> None:
    assert new.facts["near"] == "plain"
    assert new.facts["far"] == "recording a"
    assert new.facts["deep"] == "far away"


def test_the_working_folder_comes_out_and_scratch_does_not(new) -> None:
    assert new.facts["here"] == "/kaggle/working"
    assert new.file("made/deep/result.txt") == "kept"
    assert (new.result.folder / "picture.png").stat().st_size > 0
    assert not list(new.result.folder.rglob("spill"))


def test_what_a_kernel_installs_goes_into_its_own_layer(new) -> None:
    assert all(path.startswith(new.facts["prefix"]) for path in new.facts["installed"])


def test_what_a_kernel_installed_is_gone_in_the_next_run(new, old) -> None:
    assert old.result.ok, old.result.message
    assert old.facts["still there"] == []


def test_the_environment_is_kaggles_and_only_what_steers_a_run_is_passed_on(new) -> None:
    environment = new.facts["environment"]
    assert environment["KAGGLE_KERNEL_RUN_TYPE"] == "Batch"
    assert environment["KAGGLE_IS_COMPETITION_RERUN"] == "1"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["HOME"] == "/root"
    assert not {"SECRET_OF_THE_HOST", "PYTHONHASHSEED", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR"} & set(environment)


def test_worker_processes_start_and_all_processors_are_there(new) -> None:
    assert new.facts["spawned"] == [2, 4]
    assert new.facts["processors"] == len(os.sched_getaffinity(0))
    assert new.facts["processes"] < 10


def test_no_process_and_no_temporary_file_outlives_a_run(tools, new) -> None:
    assert tools.left_of(LINGER) == []
    assert list(new.scratch.iterdir()) == []


def test_a_repository_inside_a_system_folder_is_covered(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kernelgen.running.preparing.REPOSITORY", Path("/usr/share"))
    seen = run("import os\nprint(os.listdir('/usr/share'), len(os.listdir('/usr')) > 3)")
    assert seen.printed() == "[] True\n", seen.result.message
