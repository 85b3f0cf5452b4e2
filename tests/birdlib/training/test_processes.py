"""Training processes: they train as one does, show where they hang, and end with the notebook."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

import birdlib.training.launch
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.training.launch import places_for, train_members
from birdlib.training.log import read_metrics
from birdlib.training.members import Members
from birdlib.training.validation import Validation
from birdlib.weights.checkpoint import checkpoints_in, load_checkpoint

from .conftest import FRONT_END, surroundings_of, train_here

HERE = Path(__file__).parent
ONE = [sys.executable]
# What `accelerate launch` starts for GPUs; for CPUs it would want MPI.
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def gradients(competition, folder, launcher, device_batch, *options):
    folder.mkdir()
    done = subprocess.run(
        [*launcher, HERE / "spread.py", competition.root, competition.output, folder, str(device_batch), *options],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "gradients.pt", weights_only=True), done.stdout


def test_two_processes_and_added_up_parts_give_the_gradients_of_one(competition, tmp_path):
    """Over gloo: the same 12 clips at once, in 4 parts, by 2 processes in 3 parts each."""
    whole, said = gradients(competition, tmp_path / "one", ONE, 12)
    assert "processes 1, parts 1" in said
    for name, launcher, device_batch, expected in (
        ("parts", ONE, 3, "processes 1, parts 4"),
        ("two", TWO, 2, "processes 2, parts 3, backend gloo"),
    ):
        spread, said = gradients(competition, tmp_path / name, launcher, device_batch)
        assert expected in said
        assert spread["loss"] == pytest.approx(whole["loss"], rel=1e-5)
        for key, expected in whole["gradients"].items():
            torch.testing.assert_close(spread["gradients"][key], expected, rtol=1e-3, atol=1e-6, msg=key)


def test_the_recordings_of_a_loss_that_is_not_finite_are_known_to_all_processes(competition, tmp_path):
    """The first process writes the log, and the loss is NaN in the second one alone."""
    _, said = gradients(competition, tmp_path / "two", TWO, 6, "--nan-in-the-last")
    assert "loss nan, suspects 6" in said


@pytest.fixture
def start(tmp_path):
    """Starts a notebook's process that trains, with two OpenMP threads."""

    def start(members, around, **options):
        path = tmp_path / "arguments.pkl"
        path.write_bytes(pickle.dumps((members, around, options)))
        library = Path(birdlib.training.launch.__file__).parents[2]
        env = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(library)}
        command = [sys.executable, str(HERE / "notebook.py"), str(path)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)

    return start


@pytest.fixture
def blocked(competition, tmp_path):
    """The competition with one recording, of fold 0, that never comes: a pipe that nobody writes to."""
    root = tmp_path / "competition"
    shutil.copytree(competition.root, root)
    prepared = Prepared.read(competition.output, CompetitionFiles(root, edition("demo")))
    path = prepared.audio / prepared.recordings["filename"][int(prepared.validation_rows(0)[0])]
    path.unlink()
    os.mkfifo(path)
    return prepared


def validation(prepared, workers):
    arguments = {"metric": "macro ROC-AUC", "soundscapes": None, "batch_size": 8, "padding": "cyclic"}
    return Validation(prepared, FRONT_END, workers=workers, **arguments)


def wait_for(condition, seconds=180):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_training_is_started_after_torch_has_run_with_threads_and_leaves_one_set_of_files(
    start, settings, surroundings, tmp_path, processes
):
    members = Members(settings(epochs=1), [1], ["full"])
    notebook = start(members, surroundings(tmp_path / "out", device_batch=3), processes=processes)
    said, _ = notebook.communicate(timeout=300)
    assert "finished True" in said and "cuda untouched True" in said, said
    assert f"{processes or 1} process(es) x {1 if processes else 2} micro-batch(es) of 3, on cpu" in said
    (path,) = checkpoints_in(tmp_path / "out")
    assert load_checkpoint(path).finished
    assert sorted(one.name.split(".", 1)[1] for one in path.parent.iterdir()) == ["last.pt", "metrics.jsonl"]
    steps, epochs = read_metrics(path.with_name(path.name.replace("last.pt", "metrics.jsonl")))
    assert len(steps) == 4 and len(epochs) == 1


@pytest.fixture
def two_threads():
    """torch with two threads in this process."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("machine", ["1", "4"])
def test_a_training_gives_the_weights_of_its_number_of_threads_whatever_the_machines(
    settings, surroundings, tmp_path, monkeypatch, two_threads, machine
):
    """Sums on a CPU depend on how many threads share them, so the recipe names the number."""
    monkeypatch.setenv("OMP_NUM_THREADS", machine)
    members = Members(settings(epochs=1), [1], ["full"])
    assert train_members(members, surroundings(tmp_path / "own"), threads=2)
    assert train_here(members, surroundings(tmp_path / "here"))
    own, here = (load_checkpoint(checkpoints_in(tmp_path / name)[0]) for name in ("own", "here"))
    assert all(torch.equal(own.model[key], here.model[key]) for key in own.model)


def test_a_fault_of_all_processes_is_one_line_and_leaves_nothing(settings, surroundings, tmp_path):
    around = surroundings(tmp_path / "out", device_batch=3)
    with pytest.raises(BirdlibError) as caught:
        train_members(Members(settings(batch_size=4), [1, 2], [0]), around)
    said = str(caught.value)
    assert "2 of 2 models failed: test_resnet-wdfbn-ema-2-fold0-seed1, test_resnet-wdfbn-ema-2-fold0-seed2: " in said
    assert said.count("is no multiple of DEVICE_BATCH = 3 on 1 process") == 1 and "\n" not in said
    assert list((tmp_path / "out").iterdir()) == []


def test_a_model_that_fails_leaves_the_others_alone(settings, surroundings, competition, tmp_path, capfd):
    """A recording of fold 1 is damaged: the model of fold 0 learns from it, that of fold 1 is validated on it."""
    root = tmp_path / "competition"
    shutil.copytree(competition.root, root)
    prepared = Prepared.read(competition.output, CompetitionFiles(root, edition("demo")))
    path = prepared.audio / prepared.recordings["filename"][int(prepared.validation_rows(1)[0])]
    path.write_bytes(path.read_bytes()[:100])
    around = surroundings_of(prepared, tmp_path / "out", validation=validation(prepared, 0), device_batch=2)
    members = Members(settings(epochs=1, batch_size=2), [1], [0, 1])
    with pytest.raises(BirdlibError) as caught:
        train_members(members, around)
    name = "test_resnet-wdfbn-ema-1-fold{}-seed1"
    assert f"1 of 2 models failed: {name.format(0)}: {path}: cannot be read" in str(caught.value)
    last = load_checkpoint(around.folder / f"{name.format(1)}.last.pt")
    assert last.finished and last.scores["clips"] is None
    assert f"{name.format(1)}: no scores on clips after epoch 1: {path}: cannot be read" in capfd.readouterr().out
    with pytest.raises(BirdlibError, match="1 of 2 models failed"):  # and only that is tried again
        train_members(members, around)
    assert f"{name.format(1)}: finished in an earlier session" in capfd.readouterr().out


def test_a_training_that_hangs_shows_where_and_ends(settings, blocked, tmp_path, capfd):
    """In validation, in a process that reads ahead; the epoch before it is saved."""
    around = surroundings_of(blocked, tmp_path / "out", validation=validation(blocked, 1))
    before = psutil.Process().children(recursive=True)
    with pytest.raises(BirdlibError) as caught:
        train_members(Members(settings(), [1], [0]), around, stall_minutes=0.25)
    name = "test_resnet-wdfbn-ema-2-fold0-seed1"
    assert f"{name}: no batch was learnt from or validated for STALL_MINUTES = 0.25; ended" in str(caught.value)
    said = capfd.readouterr().out
    assert f"{name}: no batch for 0.25 minutes. Where its processes are:" in said
    assert "in read_clip" in said and "in _end_epoch" in said  # of the reader and of the one that waits for it
    assert load_checkpoint(around.folder / f"{name}.last.pt").step == 2
    assert psutil.Process().children(recursive=True) == before


@pytest.mark.parametrize("processes", [1, 2])
def test_no_training_process_outlives_the_notebook(start, settings, blocked, tmp_path, processes):
    """SIGKILL, while the training waits for a recording in a process that reads ahead."""
    validated = validation(blocked, 1)
    around = surroundings_of(blocked, tmp_path / "out", validation=validated, device_batch=3, workers=1)
    notebook = start(Members(settings(), [1], [0]), around, processes=processes)
    wait_for(lambda: checkpoints_in(tmp_path / "out"))
    time.sleep(1)
    children = psutil.Process(notebook.pid).children(recursive=True)
    # A process and its reader for each; a launcher for several.
    assert len(children) >= (2 if processes == 1 else 4)
    notebook.kill()
    notebook.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_a_training_that_is_interrupted_ends_its_processes(start, settings, blocked, tmp_path):
    around = surroundings_of(blocked, tmp_path / "out", validation=validation(blocked, 0))
    notebook = start(Members(settings(), [1], [0]), around)
    wait_for(lambda: checkpoints_in(tmp_path / "out"))
    children = psutil.Process(notebook.pid).children(recursive=True)
    notebook.send_signal(signal.SIGINT)
    said, _ = notebook.communicate(timeout=20)
    assert "KeyboardInterrupt" in said
    assert children and not psutil.wait_procs(children, timeout=5)[1]


@pytest.mark.parametrize(
    ("end", "processes", "expected"),
    [
        ("raise RuntimeError('no such machine')", 1, "its process died (RuntimeError: no such machine); what it said"),
        ("raise RuntimeError('no such machine')", 2, "its process died (RuntimeError: no such machine); what it said"),
        ("import os; os.kill(os.getpid(), 9)", 1, "its process was killed, as the system does where memory is short"),
        ("import os; os.kill(os.getpid(), 9)", 2, "its process was killed, as the system does where memory is short"),
    ],
)
def test_a_process_that_dies_without_a_word_is_named(
    settings, surroundings, tmp_path, monkeypatch, capfd, end, processes, expected
):
    """The last of two, too, of which the launcher has a page to say."""
    (tmp_path / "timm.py").write_text(f"import os\nif os.environ.get('RANK') in (None, '1'):\n    {end}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    around = surroundings(tmp_path / "out", device_batch=3)
    with pytest.raises(BirdlibError) as caught:
        train_members(Members(settings(epochs=1), [1], ["full"]), around, processes)
    assert f"-seed1: {expected}" in str(caught.value)
    said = capfd.readouterr().out
    assert ("Traceback" in said) == ("raise" in end) and "ChildFailedError" not in said


def test_a_process_that_is_killed_takes_its_readers_along(start, settings, blocked, tmp_path):
    """One of them waits for a recording that never comes, and holds the pipe that the notebook reads."""
    around = surroundings_of(blocked, tmp_path / "out", validation=validation(blocked, 1))
    notebook = start(Members(settings(), [1], [0]), around)
    wait_for(lambda: checkpoints_in(tmp_path / "out"))
    wait_for(lambda: len(psutil.Process(notebook.pid).children(recursive=True)) == 2)
    process, reader = psutil.Process(notebook.pid).children(recursive=True)
    process.kill()
    said, _ = notebook.communicate(timeout=20)
    assert "its process was killed" in said
    assert not psutil.wait_procs([reader], timeout=5)[1]


def test_a_session_that_is_too_short_for_a_step_says_so(settings, surroundings, tmp_path):
    """Or the next one would begin where it began."""
    around = surroundings(tmp_path / "out")
    around.clock._end = time.time() - around.clock.closing_seconds
    with pytest.raises(BirdlibError, match="closed before the first step was saved; give it more SESSION_MINUTES"):
        train_members(Members(settings(), [1], ["full"]), around)


def test_a_session_that_has_closed_begins_one_model_and_leaves_the_others(settings, surroundings, tmp_path, capfd):
    around = surroundings(tmp_path / "out")
    around.clock._end = time.time()
    assert not train_members(Members(settings(), [1, 2], ["full"]), around)
    (path,) = checkpoints_in(tmp_path / "out")
    assert load_checkpoint(path).step == 1 and "-seed1: the session closes at epoch 0 of 2" in capfd.readouterr().out


# ---------------------------------------------------------------- where models are trained

FOUR = ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("models", "processes", "gpus", "expected"),
    [
        (1, 0, [], [(1, None)]),
        (5, 0, [], [(1, None)]),
        (5, 2, [], [(2, None)]),
        (1, 0, ["0"], [(1, "0")]),
        (1, 0, ["0", "1"], [(2, "0,1")]),  # one alone has all
        (5, 0, ["0", "1"], [(1, "0"), (1, "1")]),  # several have one each
        (5, 2, ["0", "1"], [(2, "0,1")]),
        (1, 1, ["0", "1"], [(1, "0"), (1, "1")]),
        (9, 2, FOUR, [(2, "0,1"), (2, "2,3")]),
        (9, 3, FOUR, [(3, "0,1,2")]),
        (2, 0, ["GPU-5", "GPU-7"], [(1, "GPU-5"), (1, "GPU-7")]),
    ],
)
def test_models_share_the_gpus_out(models, processes, gpus, expected):
    assert [(one.processes, one.devices) for one in places_for(models, processes, gpus)] == expected


@pytest.mark.parametrize("processes", [-1, 3])
def test_more_processes_than_gpus_are_refused(processes):
    with pytest.raises(BirdlibError, match=f"PROCESSES = {processes}: expected 0 to 2"):
        places_for(1, processes, ["0", "1"])
