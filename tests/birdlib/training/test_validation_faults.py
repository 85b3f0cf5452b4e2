"""A validation that fails costs its scores, and never the training."""

import shutil
from types import SimpleNamespace

import pytest

from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError
from birdlib.training import validation as validation_module
from birdlib.training.log import parse_record, read_metrics
from birdlib.training.members import Members
from birdlib.training.validation import Validation
from birdlib.weights.checkpoint import BEST, LAST, load_checkpoint

from ..known_soundscapes import known_soundscapes
from .conftest import FRONT_END, surroundings_of, train_here

NAME = "test_resnet-wdfbn-ema-2-fold0-seed1"


@pytest.fixture
def spoilt(competition, tmp_path):
    """Makes surroundings of a copy of the competition with a labelled soundscape, one of whose recordings is spoilt."""

    def spoilt(*, clip=False, soundscape=False):
        root = tmp_path / "competition"
        shutil.copytree(competition.root, root)
        files = CompetitionFiles(root, edition("demo"))
        prepared = Prepared.read(competition.output, files)
        audio = files.test_soundscapes[0]
        labels = {f"{audio.stem}_5": prepared.classes[0], f"{audio.stem}_10": prepared.classes[1]}
        soundscapes = known_soundscapes(root / "test_soundscapes", labels, prepared.classes)
        held_back = prepared.audio / prepared.recordings["filename"][int(prepared.validation_rows(0)[0])]
        if clip:
            held_back.write_bytes(held_back.read_bytes()[:100])
        if soundscape:
            audio.write_bytes(audio.read_bytes()[:100])
        validation = Validation(
            prepared,
            FRONT_END,
            metric="macro ROC-AUC",
            soundscapes=soundscapes,
            batch_size=8,
            workers=0,
            padding="cyclic",
        )
        around = surroundings_of(prepared, tmp_path / "out", validation=validation)
        return SimpleNamespace(around=around, clip=held_back, soundscape=audio)

    return spoilt


def scores_of(around):
    """The checkpoint's scores, and the epochs and the faults of the log."""
    checkpoint = load_checkpoint(around.folder / f"{NAME}{LAST}")
    assert checkpoint.finished and checkpoint.step == 4
    log = around.folder / f"{NAME}.metrics.jsonl"
    faults = [record.get("faults") for record in map(parse_record, log.open("rb")) if record["event"] == "epoch"]
    return checkpoint, read_metrics(log)[1], faults


def test_a_damaged_labelled_soundscape_costs_its_scores_and_no_others(settings, spoilt, capsys):
    case = spoilt(soundscape=True)
    assert train_here(Members(settings(), [1], [0]), case.around)
    checkpoint, epochs, faults = scores_of(case.around)
    assert checkpoint.scores["soundscapes"] is None and checkpoint.scores["clips"]["macro_roc_auc"] > 0
    # Where soundscapes are to choose the best epoch, clips do not.
    assert checkpoint.best_epoch is None and not (case.around.folder / f"{NAME}{BEST}").exists()
    assert len(epochs) == 2 and epochs["soundscapes_loss"].isna().all() and epochs["clips_loss"].notna().all()
    assert all(list(fault) == ["soundscapes"] and case.soundscape.stem in fault["soundscapes"] for fault in faults)
    assert sorted(path.name.split(".", 1)[1] for path in case.around.folder.iterdir()) == [
        "last.pt",
        "metrics.jsonl",
        "oof.csv",
    ]
    # Told once, not after every epoch.
    said = capsys.readouterr().out
    assert said.count(f"{NAME}: no scores on soundscapes after epoch 1: ") == said.count("no scores") == 1


def test_a_damaged_clip_costs_the_scores_on_clips_and_soundscapes_choose_the_best_epoch(settings, spoilt):
    case = spoilt(clip=True)
    assert train_here(Members(settings(), [1], [0]), case.around)
    checkpoint, epochs, faults = scores_of(case.around)
    assert checkpoint.scores["clips"] is None and checkpoint.scores["soundscapes"]["macro_roc_auc"] is not None
    assert checkpoint.best_score == epochs["soundscapes_macro_roc_auc"].max()
    assert all(str(case.clip) in fault["clips"] for fault in faults)


def test_any_other_fault_of_a_validation_is_told_by_its_name(settings, spoilt, monkeypatch, capsys):
    case = spoilt()
    monkeypatch.setattr(validation_module, "soundscape_metrics", lambda *_, **__: 1 / 0)
    assert train_here(Members(settings(), [1], [0]), case.around)
    checkpoint, _, faults = scores_of(case.around)
    assert checkpoint.scores["soundscapes"] is None and checkpoint.scores["clips"]
    assert faults == [{"soundscapes": "ZeroDivisionError: division by zero"}] * 2


def test_predictions_that_cannot_be_written_do_not_cost_the_training(settings, spoilt, monkeypatch, capsys):
    case = spoilt()

    def full_disk(path, *_, **__):
        raise BirdlibError(f"{path}: cannot be written (No space left on device); is the disk full?")

    monkeypatch.setattr(validation_module, "write_predictions", full_disk)
    assert train_here(Members(settings(), [1], [0]), case.around)
    checkpoint, *_ = scores_of(case.around)
    assert checkpoint.scores["clips"] and "no scores on clips after epoch 2: " in capsys.readouterr().out


def test_a_training_that_dies_in_its_validation_has_saved_the_epoch_and_validates_it_first(
    settings, spoilt, monkeypatch
):
    case = spoilt()

    class Killed(BaseException):
        """As a signal would."""

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(validation_module, "soundscape_metrics", die)
        train_here(Members(settings(), [1], [0]), case.around)
    saved = load_checkpoint(case.around.folder / f"{NAME}{LAST}")
    assert (saved.step, saved.epoch, saved.finished) == (2, 0, False)
    assert train_here(Members(settings(), [1], [0]), case.around)
    _, epochs, _ = scores_of(case.around)
    assert epochs["epoch"].tolist() == [1, 2] and epochs["soundscapes_loss"].notna().all()
