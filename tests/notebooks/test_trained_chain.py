"""The demo with training: teacher, students, export, submission, scores; and what must not be trained."""

import json
from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.frontend.mel import MelSpectrogram
from birdlib.metrics.ranking import MACRO_ROC_AUC
from birdlib.scores.prediction_tables import read_predictions
from birdlib.training.log import read_metrics
from birdlib.weights.checkpoint import load_checkpoint, save_checkpoint
from birdlib.weights.manifest import read_manifest

from .conftest import TRAINING, command, notebook, printed

pytestmark = pytest.mark.xdist_group("chain")

TEACHER = "test_resnet-wdfbn-ema-2-fold0-seed1"
STUDENTS = {
    "demo-distill": "rkl-test_resnet-wdfbn-test_resnet-ema-2-fold0-seed1",
    "demo-distill-time": "rkl-test_resnet-time-wdfbn-test_resnet-ema-2-fold0-seed1",
}
KERNELS = ("demo-prepare", "demo-train", *STUDENTS, "demo-evaluate", "demo-export", "demo-submission", "demo-score")


def checkpoint(trained, kernel, name):
    return load_checkpoint(trained.out / kernel / "run" / f"{name}.last.pt")


def test_every_kernel_runs_to_its_end(trained):
    for kernel in KERNELS:
        cells = [cell for cell in notebook(trained, kernel).cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in cells), kernel


def test_trained_and_untrained_models_stand_side_by_side_in_the_scores(trained):
    scores = pd.read_csv(trained.out / "demo-score" / "run" / "scores.csv")
    assert scores.columns.tolist() == ["submission", "metric", "value", "low", "high"]
    assert scores["submission"].drop_duplicates().tolist() == [
        "birdlib-demo-submission",
        "birdlib-demo-untrained-submission",
    ]
    values = scores.set_index(["submission", "metric"])["value"]
    assert len(values) == 4 and values.between(0, 1).all()
    # Of random weights, on twelve windows. What trained ones score here is no matter: `make demo` tells it.
    assert 0.2 < values["birdlib-demo-untrained-submission", "macro ROC-AUC"] < 0.8
    assert "macro ROC-AUC" in trained.printed


def test_the_truth_is_nowhere_near_what_learns_and_predicts(trained):
    for kernel in KERNELS:
        if kernel != "demo-score":
            assert not list((trained.out / kernel / "run").rglob("soundscape_labels.csv"))


def test_a_session_that_closed_is_gone_on_from(trained):
    text = printed(nbformat.read(trained.closed / "__notebook__.ipynb", 4))
    assert f"{TEACHER}: begins; 6 steps of 8 clips (3 an epoch)" in text
    assert f"{TEACHER}: the session closes at epoch 0 of 2, all saved" in text
    first = load_checkpoint(trained.closed / f"{TEACHER}.last.pt")
    assert first.step == 1 and not first.finished
    text = printed(notebook(trained, "demo-train"))
    assert f"taken up from an earlier session: {TEACHER}" in text and f"{TEACHER}: goes on after step 1" in text
    last = checkpoint(trained, "demo-train", TEACHER)
    assert last.step == 6 and last.finished
    log = trained.out / "demo-train" / "run" / f"{TEACHER}.metrics.jsonl"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["step"] for one in events if one["event"] == "session"] == [0, 1]
    steps, epochs = read_metrics(log)
    assert steps["step"].tolist() == [1, 2, 3, 4, 5, 6] and epochs["epoch"].tolist() == [1, 2]
    assert steps["seconds"].is_monotonic_increasing


def test_two_processes_train_after_the_notebook_has_run_torch_with_two_threads(trained, tmp_path):
    """The pictures of the augmentation run torch in the notebook's process, whose threads no fork survives."""
    done = command(
        "--target",
        "demo-train",
        "--out",
        tmp_path,
        "--run",
        "--input",
        f"competition={trained.out / 'demo-competition' / 'run'}",
        f"prepared={trained.out / 'demo-prepare' / 'run'}",
        "--set",
        *TRAINING,
        "processes=2",
        "epochs=1",
        OMP_NUM_THREADS="2",
    )
    assert done.status == 0, done.out + done.err
    name = "test_resnet-wdfbn-ema-1-fold0-seed1"
    said = printed(nbformat.read(tmp_path / "demo-train" / "run" / "__notebook__.ipynb", 4))
    assert f"{name}: begins; 3 steps of 8 clips (3 an epoch), 2 process(es) x 1 micro-batch(es) of 4, on cpu" in said
    assert "FINISHED: 1 model" in said and said.count("train: 100%") == 1
    last = load_checkpoint(tmp_path / "demo-train" / "run" / f"{name}.last.pt")
    assert last.finished and last.scores["clips"]


def test_students_learn_from_the_teacher_of_their_fold_and_begin_with_its_backbone_where_told(trained):
    teacher = checkpoint(trained, "demo-train", TEACHER)
    for kernel, name in STUDENTS.items():
        student = checkpoint(trained, kernel, name)
        assert student.finished and student.teachers == (TEACHER,) and student.fold == teacher.fold == 0
        assert student.data_version == teacher.data_version
    (stage,) = checkpoint(trained, "demo-distill-time", STUDENTS["demo-distill-time"]).settings["stages"]
    assert stage["start"] == {"name": "teacher_backbone"}


def test_what_a_model_is_scored_on_was_held_back_and_sings_nothing_of_what_it_heard(trained):
    files = CompetitionFiles(trained.out / "demo-competition" / "run", edition("demo"))
    prepared = Prepared.read(trained.out / "demo-prepare" / "run", files)
    heard = prepared.recordings.iloc[prepared.training_rows(0)]
    for kernel, name in {"demo-train": TEACHER, **STUDENTS}.items():
        predictions = read_predictions(trained.out / kernel / "run" / f"{name}.oof.csv")
        assert predictions.filenames and not set(predictions.filenames) & set(heard["filename"])
        authors = prepared.recordings.set_index("filename")["author"][list(predictions.filenames)]
        assert not set(authors) & set(heard["author"])


def test_the_students_are_judged_alone_and_as_one(trained):
    text = printed(notebook(trained, "demo-evaluate"))
    assert all(name in text for name in STUDENTS.values()) and "clips, mean of 2 trainings" in text
    classes = pd.read_csv(trained.out / "demo-evaluate" / "run" / "classes.csv")
    assert classes["class"].tolist() == list(checkpoint(trained, "demo-train", TEACHER).classes)
    outputs = [output for cell in notebook(trained, "demo-evaluate").cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3


def test_the_weight_dataset_names_and_scores_the_students(trained):
    models = read_manifest(trained.out / "demo-export" / "run", on_fault=pytest.fail)
    assert sorted(model.name for model in models) == sorted(STUDENTS.values())
    for model in models:
        kernel = next(kernel for kernel, name in STUDENTS.items() if name == model.name)
        student = checkpoint(trained, kernel, model.name)
        assert model.classes == student.classes and (model.fold, model.seed) == (0, 1)
        heard = student.scores["soundscapes"] or student.scores["clips"]
        assert model.score == pytest.approx(heard["macro_roc_auc"], abs=1e-6)


def test_the_submission_is_what_torch_makes_of_the_averaged_weights(trained):
    table = pd.read_csv(trained.out / "demo-submission" / "run" / "submission.csv").set_index("row_id")
    path = CompetitionFiles(trained.out / "demo-competition" / "run", edition("demo")).test_soundscapes[0]
    wave, _ = soundfile.read(path, dtype="float32")
    expected = []
    for kernel, name in STUDENTS.items():
        student = checkpoint(trained, kernel, name)
        model = student.build().eval()
        model.load_state_dict(student.ema)
        windows = torch.from_numpy(wave[: 5 * student.front_end.samples].reshape(5, -1))
        with torch.no_grad():
            expected.append(model.scores(MelSpectrogram(student.front_end)(windows)).sigmoid().numpy())
    found = table.loc[[f"{path.stem}_{end}" for end in range(5, 30, 5)], list(student.classes)]
    np.testing.assert_allclose(found, np.mean(expected, axis=0), atol=1e-4)


def test_cross_validation_scores_the_blend_on_what_was_held_back(trained):
    folder = trained.out / "demo-submission" / "run"
    said = json.loads((folder / "cross_validation.json").read_text())
    suffix = ".soundscapes.csv" if "soundscapes" in said["name"] else ".oof.csv"
    students = [read_predictions(trained.out / kernel / "run" / f"{name}{suffix}") for kernel, name in STUDENTS.items()]
    assert said["members"] and sorted(said["members"]) == sorted(STUDENTS.values()) and not said["stand_ins"]
    assert students[0].row_ids == students[1].row_ids and said["rows"] == len(students[0].row_ids)
    blend = np.mean([student.scores for student in students], axis=0)
    assert said["score"] == pytest.approx(MACRO_ROC_AUC(students[0].truth, blend, students[0].weights > 0), abs=1e-6)
    assert said["low"] <= said["score"] <= said["high"]


def test_a_student_of_another_fold_than_its_teachers_is_not_built(trained, tmp_path):
    done = command("--target", "demo-distill", "--out", tmp_path, "--set", 'folds=["1"]')
    assert done.status == 1 and not list(tmp_path.iterdir())
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "demo-distill" in line and "folds" in line and "demo-train" in line


def test_nor_does_it_learn_from_one_that_is_attached_by_hand(trained, tmp_path):
    """In the old layout of Kaggle's mounts, too, the notebook itself looks at what the teacher has heard."""
    teacher = checkpoint(trained, "demo-train", TEACHER)
    (tmp_path / "teacher").mkdir()
    save_checkpoint(replace(teacher, fold=1), tmp_path / "teacher" / f"{TEACHER}.last.pt")
    done = command(
        "--target",
        "demo-distill",
        "--out",
        tmp_path / "out",
        "--run",
        "--layout",
        "old",
        "--input",
        f"competition={trained.out / 'demo-competition' / 'run'}",
        f"prepared={trained.out / 'demo-prepare' / 'run'}",
        f"demo-train={tmp_path / 'teacher'}",
        "--set",
        *TRAINING,
    )
    assert done.status == 1
    assert "no teacher of fold 0: those attached are of 1, and a teacher of another fold has heard" in done.err
    assert not list((tmp_path / "out" / "demo-distill" / "run").glob("*.pt"))
