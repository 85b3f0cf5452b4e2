"""The trial of INT8: on the right audio, judged by its loss, and taken only where that keeps to the bound."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import openvino as ov
import pytest
import torch

from birdlib.competition.editions import PADDED_CMAP, edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.clips import Clips
from birdlib.data.preparation import prepare
from birdlib.data.prepared import Prepared
from birdlib.demo.competition import make_competition
from birdlib.errors import BirdlibError
from birdlib.export import int8_trial
from birdlib.export.checkpoints import TrainedModel
from birdlib.export.int8_audio import HELD_OUT, LEARNT, SOUNDSCAPES, TrialAudio
from birdlib.export.int8_ir import quantize_ir
from birdlib.export.int8_trial import Int8Trials, int8_table
from birdlib.export.openvino_ir import export_ir
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.inference.requests import the_core
from birdlib.metrics.validation import validation_metrics
from birdlib.weights.checkpoint import Checkpoint
from birdlib.weights.manifest import ModelEntry

from ..networks import build_model

FRONT_END = FrontEnd(32000, 5, 2048, 2000, 32, 50, 14000)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A competition without and one with labelled soundscapes, and their preparation."""
    root, output = tmp_path_factory.mktemp("competition"), tmp_path_factory.mktemp("prepared")
    make_competition(
        root,
        seed=5,
        species=4,
        recordings_per_species=6,
        soundscapes=1,
        soundscape_seconds=20,
        labelled_soundscapes=1,
        broken_files=0,
    )
    bare = tmp_path_factory.mktemp("without") / "competition"
    shutil.copytree(root, bare, ignore=shutil.ignore_patterns("train_soundscape*"))
    files, with_soundscapes = CompetitionFiles(bare, edition("demo")), output / "with-soundscapes"
    prepare(files, output, n_folds=3, workers=1)
    prepare(CompetitionFiles(root, edition("demo")), with_soundscapes, n_folds=3, workers=1)
    prepared = Prepared.read(output, files)
    return SimpleNamespace(
        output=output,
        prepared=prepared,
        files=files,
        with_soundscapes=TrialAudio(with_soundscapes, CompetitionFiles(root, edition("demo"))),
        audio=TrialAudio(output, files),
    )


def network(prepared):
    torch.manual_seed(3)
    return build_model("test_resnet", len(prepared.classes), dropout=0.0, drop_path=0.0)


def recipe(clips="focal_recordings"):
    return {"padding": "cyclic", "secondary": "target", "stages": [{"clips": [{"name": clips}]}]}


def checkpoint(data, fold=0, **changes):
    values = {
        "name": f"net-{fold}",
        "architecture": "test_resnet",
        "head": {"name": "pooled"},
        "channels": 1,
        "classes": data.prepared.classes,
        "front_end": FRONT_END,
        "seed": 1,
        "fold": fold,
        "epoch": 1,
        "step": 1,
        "finished": True,
        "data_version": data.prepared.data_version,
        "settings": recipe(),
        "scores": {},
        "best_score": None,
        "best_epoch": None,
        "commit": "f00d",
    }
    return Checkpoint(**values | changes)


def first_windows(data, rows):
    """Mels of the recordings' first windows."""
    table = data.prepared.clip_table(rows)
    clips = Clips(table, sample_rate=32000, window_seconds=5, crop="first", padding="cyclic", seed=0)
    waves = np.stack([clips[0, number][0] for number in range(len(rows))])
    return MelSpectrogram(FRONT_END)(torch.from_numpy(waves))


# ---------------------------------------------------------------- the audio


def test_a_fold_is_judged_by_what_it_held_back(data):
    heard = data.audio.judging(checkpoint(data, fold=1))
    rows = data.prepared.validation_rows(1)
    assert heard.what == HELD_OUT and len(heard.mels) == len(rows) > 3
    assert torch.allclose(heard.mels, first_windows(data, rows), atol=1e-5)
    assert (heard.truth == data.prepared.targets(rows)[0]).all() and heard.weights.all()


def test_labelled_soundscapes_judge_better_than_clips(data):
    heard = data.with_soundscapes.judging(checkpoint(data))
    assert heard.what == SOUNDSCAPES and heard.mels.shape == (4, *FRONT_END.shape)
    assert heard.truth.shape == (4, len(data.prepared.classes)) and heard.truth.any()


def test_a_soundscape_that_was_learnt_from_does_not_judge(data):
    """The only one is held back by fold 0."""
    audio = data.with_soundscapes
    learnt = [checkpoint(data, fold=fold, settings=recipe("soundscapes")) for fold in (0, 1, "full")]
    assert [audio.judging(model).what for model in learnt] == [SOUNDSCAPES, HELD_OUT, LEARNT]
    assert audio.judging(checkpoint(data, fold=1)).what == SOUNDSCAPES


def test_a_model_of_all_data_is_heard_on_clips_that_it_learnt_from_and_says_so(data):
    heard = data.audio.judging(checkpoint(data, fold="full"))
    assert heard.what == LEARNT and len(heard.mels) == len(data.prepared.recordings)


def test_no_recording_that_was_held_back_calibrates(data, tmp_path):
    # The proof: they need not even be there.
    shutil.copytree(data.files.root, tmp_path / "competition")
    shutil.copytree(data.output, tmp_path / "prepared")
    files = CompetitionFiles(tmp_path / "competition", edition("demo"))
    for name in data.prepared.recordings["filename"].iloc[data.prepared.validation_rows(2)]:
        (files.train_audio / name).unlink()
    audio = TrialAudio(tmp_path / "prepared", files)
    assert audio.calibration(checkpoint(data, fold=2), 40).shape == (40, *FRONT_END.shape)
    with pytest.raises(BirdlibError, match="cannot be read"):
        audio.calibration(checkpoint(data, fold="full"), 40)


def test_calibration_is_the_same_each_time_and_from_all_over_the_recordings(data):
    few, again = (TrialAudio(data.output, data.files).calibration(checkpoint(data), 6) for _ in range(2))
    assert torch.equal(few, again)
    # More windows than recordings: others of the same ones.
    many = data.audio.calibration(checkpoint(data), 40)
    assert len(np.unique(many.numpy().reshape(40, -1), axis=0)) == 40


@pytest.mark.parametrize("change", [{"data_version": "v0"}, {"classes": ("a", "b")}])
def test_another_preparation_than_the_trainings_is_refused(data, change):
    with pytest.raises(BirdlibError, match="attach the preparation that it was trained on") as error:
        data.audio.judging(checkpoint(data, **change))
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- the verdict


@pytest.fixture(scope="module")
def float_model(data, tmp_path_factory):
    """A model with sane batch-norm statistics, and its IR."""
    net, mels = network(data.prepared), first_windows(data, data.prepared.training_rows(1))
    with torch.no_grad():
        for _ in range(20):
            net.train()(mels)
    folder = tmp_path_factory.mktemp("float")
    export_ir(net.eval(), mels, folder, "net", "f32")
    return net, folder / "net.xml"


@pytest.fixture
def verdict(data, float_model, tmp_path, monkeypatch):
    """Tries the model, with a stand-in for NNCF that changes its graph in another way."""

    def verdict(change=lambda graph: None, gain=1.5, max_loss=0.005, fold=1, quantise=None):
        stand_in = quantise or (lambda xml, mels, target: rewrite(xml, target, change))
        monkeypatch.setattr(int8_trial, "quantize_ir", stand_in)
        monkeypatch.setattr(int8_trial, "speedup", lambda before, after, mels, seconds: gain)
        trials = Int8Trials(data.audio, metric=PADDED_CMAP, max_loss=max_loss, calibration_windows=5)
        model = TrainedModel(tmp_path, checkpoint(data, fold=fold), "ema")
        return trials.of(model)(float_model[1], tmp_path / "int8.xml")

    return verdict


def rewrite(xml, target, change):
    graph = the_core().read_model(xml)
    change(graph)
    ov.save_model(graph, target, compress_to_fp16=False)


def spoilt(value):
    """Puts a value into all weights of the head."""

    def change(graph):
        (product,) = [layer for layer in graph.get_ops() if layer.get_type_name() == "MatMul"]
        weights = product.input_value(1).get_node()
        other = ov.opset13.constant(np.full(weights.shape, value, np.float32))
        product.input(1).replace_source_output(other.output(0))

    return change


def shown(verdict):
    """The row of the table that people see."""
    entry = ModelEntry("net", "a", FRONT_END, ("a",), "f32", {}, 1, 0, None, "", 0.1, 0.0, {}, "c", verdict)
    return int8_table([entry]).loc["net"]


def test_int8_that_loses_nothing_is_taken(verdict, data, float_model):
    found = verdict()
    assert found.taken and (found.heard, found.speedup, found.calibration_windows) == (HELD_OUT, 1.5, 5)
    assert set(found.loss.values()) == {0.0} and found.difference == 0.0
    rows = data.prepared.validation_rows(1)
    assert found.windows == len(rows)
    with torch.no_grad():
        scores = float_model[0].scores(first_windows(data, rows)).double().sigmoid().numpy()
    expected = validation_metrics(data.prepared.targets(rows)[0], scores)
    assert found.float_scores == pytest.approx({key: expected[key] for key in ("padded_cmap", "macro_roc_auc")})
    row = shown(found)
    assert row[["kept", "speed-up", "loss", "heard on"]].tolist() == [
        "INT8",
        "1.50 x",
        "+0.0000",
        f"{len(rows)} {HELD_OUT}",
    ]


@pytest.mark.parametrize(
    ("max_loss", "taken", "kept"), [(0.005, False, "float: it loses more than 0.005"), (0.9, True, "INT8")]
)
def test_a_model_that_would_lose_more_than_the_bound_stays_float(verdict, max_loss, taken, kept):
    found = verdict(spoilt(0.0), max_loss=max_loss)
    assert found.loss["padded_cmap"] > 0.005 and found.difference > 0
    assert found.taken == taken and shown(found)["kept"] == kept


def test_a_model_that_is_no_faster_stays_float(verdict):
    found = verdict(gain=0.97)
    assert not found.taken and found.speedup == 0.97
    assert shown(found)["kept"] == "float: INT8 is no faster"


def test_a_model_that_int8_breaks_stays_float(verdict):
    found = verdict(spoilt(np.nan))
    assert not found.taken and found.difference == 1.0
    assert found.loss == {"padded_cmap": None, "macro_roc_auc": None}
    assert shown(found)[["kept", "INT8"]].tolist() == ["float: INT8 gives no numbers", "–"]


def test_a_model_that_nncf_cannot_quantise_stays_float_and_the_others_are_tried(verdict, data, monkeypatch, capsys):
    nncf = pytest.importorskip("nncf", reason="INT8 needs NNCF: pip install nncf")

    def fail(*arguments, **options):
        raise nncf.ValidationError("Unsupported layer: Whistle")

    monkeypatch.setattr(nncf, "quantize", fail)
    assert verdict(quantise=quantize_ir) is None
    assert capsys.readouterr().out == "net-1 stays float: net: NNCF cannot quantise it (Unsupported layer: Whistle)\n"


def test_a_model_that_openvino_cannot_run_in_int8_stays_float(verdict, capsys):
    def no_graph(xml, calibration, target):
        rewrite(xml, target, lambda graph: graph.reshape([1, 1, 8, 8]))

    assert verdict(quantise=no_graph) is None
    said = capsys.readouterr().out
    assert said.startswith("net-1 stays float: ") and said.count("\n") == 1


def test_a_reason_without_a_text_is_told_by_its_kind(verdict, capsys):
    def fail(xml, calibration, target):
        raise RuntimeError

    assert verdict(quantise=fail) is None
    assert capsys.readouterr().out == "net-1 stays float: RuntimeError\n"


@pytest.mark.parametrize("calls", [0.0, 1.0], ids=["no call", "calls everywhere"])
def test_where_no_window_tells_a_call_from_silence_nothing_is_judged(verdict, data, monkeypatch, calls):
    judging = data.audio.judging

    def all_alike(checkpoint):
        heard = judging(checkpoint)
        return replace(heard, truth=np.full_like(heard.truth, calls))

    monkeypatch.setattr(data.audio, "judging", all_alike)
    found = verdict()
    assert not found.taken and set(found.loss.values()) == {None}
    assert shown(found)["kept"] == "float: nothing to judge it by"


def test_a_model_of_all_data_is_told_apart_in_the_manifest(verdict):
    assert verdict(fold="full").heard == LEARNT


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_loss": -0.1}, "INT8_MAX_LOSS = -0.1: expected a loss from 0 to 1"),
        ({"max_loss": float("nan")}, "INT8_MAX_LOSS = nan"),
        ({"metric": "accuracy"}, "metric 'accuracy' is not known"),
        ({"calibration_windows": 0}, "INT8_CALIBRATION = 0: expected at least one window"),
    ],
)
def test_settings_out_of_range_are_one_line(data, settings, said):
    with pytest.raises(BirdlibError, match=said):
        Int8Trials(data.audio, **{"metric": PADDED_CMAP, "max_loss": 0.1, "calibration_windows": 5} | settings)


def test_float_exports_have_no_trial_to_show():
    assert int8_table([]).empty
