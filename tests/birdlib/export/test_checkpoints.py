"""From checkpoints to the weight dataset: the right weights, under the right score, or one line that says why not."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from birdlib.competition.editions import MACRO_ROC_AUC, PADDED_CMAP
from birdlib.errors import BirdlibError
from birdlib.export.checkpoints import export_table, find_models
from birdlib.export.weight_dataset import WeightDataset
from birdlib.frontend.mel import FrontEnd
from birdlib.inference.requests import compile_for_cpu
from birdlib.scores.prediction_tables import ON_SOUNDSCAPES, OUT_OF_FOLD, write_predictions
from birdlib.scores.predictions import Predictions
from birdlib.weights.checkpoint import BEST, LAST, Checkpoint, save_checkpoint
from birdlib.weights.manifest import read_manifest, sha256
from birdlib.weights.names import model_name

from ..networks import build_model, split_variant

FRONT_END = FrontEnd(16000, 5, 512, 512, 32, 50, 8000)
CLASSES = ("crow", "owl", "1139490")
TINY = "test_efficientnet"


def net(architecture=TINY, seed=0):
    torch.manual_seed(seed)
    return build_model(architecture, len(CLASSES), dropout=0.3, drop_path=0.2).eval()


def checkpoint(fold=0, seed=1, clips=None, soundscapes=None, teacher=None, weights=False, **changes):
    """A finished training; its weights are left out where a test asks for its facts only."""
    architecture = changes.pop("architecture", TINY)
    name = model_name(architecture, epochs=3, fold=fold, seed=seed, teacher=teacher and TINY)
    values = {
        "name": name,
        "architecture": split_variant(architecture)[0],
        "head": {"name": split_variant(architecture)[1]},
        "channels": 1,
        "classes": CLASSES,
        "front_end": FRONT_END,
        "seed": seed,
        "fold": fold,
        "epoch": 3,
        "step": 30,
        "finished": True,
        "data_version": "v1",
        "settings": {"epochs": 3, "batch_size": 8, "augmentations": [{"name": "sumix", "p": 1.0}]},
        "scores": {
            "clips": clips and {"padded_cmap": clips, "macro_roc_auc": clips + 0.1},
            "soundscapes": soundscapes and {"padded_cmap": soundscapes, "macro_roc_auc": soundscapes + 0.1},
        },
        "best_score": clips,
        "best_epoch": 2,
        "commit": "f00d",
        "teachers": (teacher,) if teacher else (),
    }
    if weights:
        values |= {"model": net(architecture, seed).state_dict(), "ema": net(architecture, 100 + seed).state_dict()}
    return Checkpoint(**values | changes)


@pytest.fixture
def folder(tmp_path):
    """Writes checkpoints into a folder of their own."""

    def folder(*saved, name="trained"):
        where = tmp_path / name
        where.mkdir(exist_ok=True)
        for one in saved:
            save_checkpoint(one, where / f"{one.name}{LAST}")
        return where

    return folder


@pytest.fixture(scope="module")
def mels():
    return torch.randn(6, *FRONT_END.shape, generator=torch.Generator().manual_seed(0))


def find(*folders, metric=PADDED_CMAP, **options):
    return {model.checkpoint.name: model for model in find_models(folders, metric=metric, **options)}


def problem(*folders, **options):
    with pytest.raises(BirdlibError) as error:
        find(*folders, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# ---------------------------------------------------------------- which weights


def logits(model, mels):
    with torch.no_grad():
        return model.eval().scores(mels)


@pytest.mark.parametrize(("weights", "seed"), [("ema", 101), ("model", 1), ("best", 7)])
def test_the_weights_asked_for_are_the_ones_that_are_loaded(folder, mels, weights, seed):
    saved = checkpoint(weights=True, clips=0.5)
    where = folder(saved)
    best = replace(saved, ema=net(seed=7).state_dict(), epoch=2, finished=False).weights_only()
    save_checkpoint(best, where / f"{saved.name}{BEST}")
    (model,) = find(where, weights=weights).values()
    assert torch.equal(logits(model.load(), mels), logits(net(seed=seed), mels))


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_what_is_exported_is_listed_with_all_that_is_known_of_it(folder, tmp_path, mels, precision):
    name = "rkl-test_efficientnet-wdfbn-test_efficientnet-ema-3-fold0-seed1"
    where = folder(checkpoint(clips=0.5, teacher="test_efficientnet-wdfbn-ema-3-fold0-seed1", weights=True))
    (tmp_path / "out").mkdir()
    dataset = WeightDataset(tmp_path / "out", commit="c0ffee", precision=precision, measured_seconds=0.1)
    (model,) = find(where).values()
    dataset.add(model.load(), mels=mels, **model.facts())
    faults = []
    (entry,) = read_manifest(tmp_path / "out", faults.append)
    assert not faults
    assert (entry.name, entry.architecture, entry.classes) == (name, TINY, CLASSES)
    assert (entry.fold, entry.seed, entry.precision, entry.commit) == (0, 1, precision, "c0ffee")
    assert (entry.score, entry.score_name) == (0.5, "padded cmAP on clips out of fold")
    assert entry.front_end == FRONT_END
    assert entry.recipe["augmentations"] == [{"name": "sumix", "p": 1.0}]
    assert entry.recipe["weights"] == "ema" and entry.recipe["trained_by"] == "f00d"
    assert entry.recipe["teachers"] == ["test_efficientnet-wdfbn-ema-3-fold0-seed1"]
    compiled = compile_for_cpu(tmp_path / "out" / entry.xml, "f32")
    found = torch.from_numpy(compiled({0: mels.numpy()})[0]).sigmoid()
    bound = 1e-4 if precision == "f32" else 5e-3
    assert (found - logits(net(seed=101), mels).sigmoid()).abs().max() <= bound
    assert dataset.table().loc[name, "score"] == 0.5


def test_scaled_weight_convolutions_reach_the_ir_as_they_compute(folder, tmp_path, mels):
    (model,) = find(folder(checkpoint(architecture="test_nfnet-time", weights=True))).values()
    dataset = WeightDataset(tmp_path, commit="c", measured_seconds=0.1)
    entry = dataset.add(model.load(), mels=mels, **model.facts())
    assert entry.parity <= 1e-4 and entry.architecture == "test_nfnet-time"


# ---------------------------------------------------------------- scores


def test_a_model_of_all_data_has_the_mean_of_its_fold_siblings(folder):
    siblings = [checkpoint(0, 1, clips=0.4), checkpoint(1, 1, clips=0.5), checkpoint(2, 2, clips=0.9)]
    others = [
        checkpoint(3, 1, clips=0.1, settings={"epochs": 3, "batch_size": 4}),
        checkpoint(4, 1, clips=0.1, data_version="v2"),
        checkpoint(5, 1, clips=0.1, front_end=replace(FRONT_END, n_mels=64)),
        checkpoint(6, 1, clips=0.1, architecture="test_resnet"),
        checkpoint(7, 1, clips=0.1, teacher="test_efficientnet-wdfbn-ema-3-fold7-seed1"),
        checkpoint(8, 1, clips=0.1, finished=False),
        checkpoint(9, 1, classes=("x", "y", "z"), clips=0.1),
    ]
    found = find(folder(*siblings, *others), folder(checkpoint("full", 3), name="full"), wanted=["*-full-*"])
    (model,) = found.values()
    assert model.score == pytest.approx(0.6)
    assert model.score_name == "padded cmAP on clips out of fold, mean of 3 fold siblings"


def test_students_of_all_data_have_the_score_of_fold_students_of_such_teachers(folder):
    stem = "test_efficientnet-wdfbn-ema-3"
    saved = [
        checkpoint(0, 1, clips=0.7, teacher=f"{stem}-fold0-seed4"),
        checkpoint(1, 1, clips=0.1, teacher="test_resnet-wdfbn-ema-3-fold1-seed4"),
        checkpoint(2, 1, clips=0.2),
        checkpoint("full", 2, teacher=f"{stem}-full-seed9"),
    ]
    found = find(folder(*saved))
    assert found[saved[-1].name].score == pytest.approx(0.7)


def test_without_a_sibling_a_model_of_all_data_has_no_score(folder):
    (model,) = find(
        folder(checkpoint("full", 1), checkpoint(0, 1, clips=0.3, data_version="v2")), wanted=["*full*"]
    ).values()
    assert model.score is None and model.score_name == "no score"


def test_soundscapes_count_where_every_model_heard_some(folder):
    both = [checkpoint(0, 1, clips=0.9, soundscapes=0.3), checkpoint("full", 1, soundscapes=0.4)]
    found = find(folder(*both), metric=MACRO_ROC_AUC)
    assert [model.score for model in found.values()] == pytest.approx([0.4, 0.5])
    assert {model.score_name for model in found.values()} == {"macro ROC-AUC on labelled soundscapes"}
    # One that heard none: the order would mean nothing if each were scored on something else.
    mixed = find(folder(*both, checkpoint(1, 1, clips=0.5), name="mixed"), metric=MACRO_ROC_AUC)
    assert [model.score for model in mixed.values()] == pytest.approx([1.0, 0.6, 0.8])
    assert mixed[both[1].name].score_name == "macro ROC-AUC on clips out of fold, mean of 2 fold siblings"


def test_the_table_names_every_model_and_its_score(folder):
    models = find_models([folder(checkpoint(0, 1, clips=0.9), checkpoint("full", 1))], metric=MACRO_ROC_AUC)
    table = export_table(models)
    assert table["score"].tolist() == pytest.approx([1.0, 1.0]) and table["fold"].tolist() == ["0", "full"]
    assert table["which score"].str.startswith("macro ROC-AUC").all()


def test_models_are_ordered_by_the_metric_of_the_competition_or_not_at_all(folder):
    scores = {"clips": {"rowwise_f1": 0.6, "macro_roc_auc": 0.9}, "soundscapes": None}
    (model,) = find(folder(checkpoint(0, 1, scores=scores)), metric="row-wise micro F1").values()
    assert (model.score, model.score_name) == (0.6, "row-wise micro F1 on clips out of fold")
    assert "metric 'accuracy' is not known; expected one of " in problem(folder(checkpoint()), metric="accuracy")


# ---------------------------------------------------------------- what its validation predicted


def predict(where, saved, rows, soundscapes=False, seed=0):
    """Leave the predictions of some rows beside a checkpoint."""
    ids = [f"s{row}_5" if soundscapes else f"crow/XC{row}_5" for row in rows]
    scores, truth = np.random.default_rng(seed).random((len(rows), 3)), np.eye(3)[np.array(rows) % 3]
    suffix = ON_SOUNDSCAPES if soundscapes else OUT_OF_FOLD
    write_predictions(where / f"{saved.name}{suffix}", ids, CLASSES, scores, truth)
    return scores


def test_a_model_brings_along_what_it_predicted_of_its_fold_and_of_soundscapes(folder):
    saved = checkpoint(0, 1, clips=0.5)
    where = folder(saved)
    clips, heard = predict(where, saved, range(4)), predict(where, saved, range(6), soundscapes=True, seed=1)
    (model,) = find(where).values()
    found = model.predictions()
    assert list(found) == ["soundscapes", "clips"] and {one.note for one in found.values()} == {""}
    np.testing.assert_array_equal(found["clips"].scores, clips)
    np.testing.assert_array_equal(found["soundscapes"].scores, heard)
    (plain,) = find(where, weights="model").values()
    assert plain.predictions()["clips"].note == "of the averaged weights"


def test_fold_siblings_of_one_seed_stand_in_for_a_model_of_all_data(folder):
    siblings = [checkpoint(0, 1), checkpoint(1, 1), checkpoint(0, 2)]
    where = folder(*siblings, checkpoint("full", 1), checkpoint("full", 9))
    scores = [predict(where, saved, range(4 * saved.fold, 4 * saved.fold + 4), seed=saved.seed) for saved in siblings]
    found = find(where, wanted=["*full*"])
    for model in found.values():  # its own seed's, or the first one's
        clips = model.predictions()["clips"]
        assert clips.note == "of 2 fold siblings" and clips.row_ids == tuple(f"crow/XC{row}_5" for row in range(8))
        np.testing.assert_array_equal(clips.scores, np.concatenate(scores[:2]))
    heard = [predict(where, saved, range(6), soundscapes=True, seed=saved.fold) for saved in siblings[:2]]
    soundscapes = found[checkpoint("full", 1).name].predictions()["soundscapes"]
    assert soundscapes.note == "of 1 fold sibling"  # the mean of two would be better than the model
    np.testing.assert_array_equal(soundscapes.scores, heard[0])
    (alone,) = find(folder(checkpoint("full", 1), name="alone")).values()
    assert alone.predictions() == {}


def test_predictions_are_stored_beside_the_weights_with_their_hashes(folder, tmp_path, mels):
    saved = checkpoint(clips=0.5, weights=True)
    where = folder(saved)
    scores = predict(where, saved, range(6))
    (tmp_path / "out").mkdir()
    dataset = WeightDataset(tmp_path / "out", commit="c", measured_seconds=0.1)
    (model,) = find(where).values()
    dataset.add(model.load(), mels=mels, **model.facts())
    (entry,) = read_manifest(tmp_path / "out", print)
    path = tmp_path / "out" / f"{saved.name}.clips.npz"
    assert entry.validation == {"clips": sha256(path)}
    np.testing.assert_allclose(Predictions.load(path).scores, scores, rtol=1e-6)


# ---------------------------------------------------------------- which models


def test_checkpoints_are_found_in_all_folders_and_below_each_once(folder, tmp_path):
    a, b = checkpoint(0, 1), checkpoint(1, 1)
    one, two = folder(a, name="one"), folder(b, name="two")
    shutil.copy(one / f"{a.name}{LAST}", two)  # a session that went on carries along what was finished
    (two / "deep").mkdir()
    shutil.move(two / f"{b.name}{LAST}", two / "deep")
    assert list(find(one, two)) == [a.name, b.name]


def test_two_trainings_of_one_name_are_refused(folder):
    said = problem(folder(checkpoint(), name="one"), folder(checkpoint(step=31), name="two"))
    assert "are two trainings of one name; attach one of them" in said


def test_only_what_is_wanted_is_exported(folder):
    where = folder(*(checkpoint(fold, seed) for fold in (0, "full") for seed in (1, 2)))
    assert len(find(where, wanted=["*-full-*", "*-seed2"])) == 3
    assert "MODELS: '*-fold9-*' is none of the trained models (" in problem(where, wanted=["*", "*-fold9-*"])


def test_an_unfinished_training_is_exported_only_if_it_is_allowed(folder):
    where = folder(checkpoint(finished=False, epoch=2), checkpoint(1, 1))
    assert "fold0-seed1.last.pt: not finished (epoch 2 of 3); train it to its end" in problem(where)
    assert list(find(where, wanted=["*fold1*"]))  # it is not in the way of others
    assert len(find(where, allow_unfinished=True)) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": "last"}, "WEIGHTS = 'last': expected one of 'ema', 'best', 'model'"),
        ({"weights": "best"}, "seed1.best.pt: there is none: a training without a validation has no best epoch"),
    ],
)
def test_weights_that_are_not_there_are_one_line(folder, options, said):
    assert said in problem(folder(checkpoint("full", 1)), **options)


def test_a_folder_without_checkpoints_is_one_line(tmp_path):
    assert problem(tmp_path).startswith(f"no *.last.pt in {tmp_path}; attach the output of a train kernel")


def test_a_model_says_how_it_learnt_to_hear_a_window_that_is_short_of_audio(folder):
    where = folder(checkpoint(), checkpoint(seed=2, settings={"epochs": 3, "padding": "zeros"}))
    models = find_models([where], metric=PADDED_CMAP)
    assert [model.hearing for model in models] == [(FRONT_END, "cyclic"), (FRONT_END, "zeros")]
    assert [model.facts()["padding"] for model in models] == ["cyclic", "zeros"]


def test_a_model_that_hears_less_than_a_row_of_the_submission_is_refused(folder):
    longer, shorter = (replace(FRONT_END, window_seconds=seconds) for seconds in (10, 4))
    assert find(folder(checkpoint(front_end=longer), name="longer"))
    where = folder(checkpoint(front_end=shorter), name="shorter")
    assert "-seed1: window_seconds = 4: a row of the submission is 5 s" in problem(where)


def test_a_renamed_checkpoint_is_told_its_name(folder):
    where = folder(checkpoint())
    (path,) = where.iterdir()
    path.rename(where / "mine.last.pt")
    assert f"mine.last.pt: holds the model {checkpoint().name}; give the file its name" in problem(where)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: replace(s, architecture="test_resnet"), "its weights are not those of test_resnet with 3 classes"),
        (lambda s: replace(s, classes=("a", "b")), "its weights are not those of test_efficientnet with 2 classes"),
        (lambda s: replace(s, channels=3), "its weights are not those of test_efficientnet"),
        (lambda s: replace(s, head={"name": "sed"}), "its weights are not those of test_efficientnet-sed with 3 classes"),
        (lambda s: replace(s, head={"name": "sad"}), "heads: unknown name 'sad'; expected one of attention, pooled, sed"),
        (lambda s: replace(s, architecture="nonesuch"), "timm has no model 'nonesuch'"),
        (lambda s: replace(s, ema={}), "its weights are not those of"),
        (lambda s: replace(s, ema=s.ema | {"head.linear.bias": torch.tensor([0.0, 1.0, float("nan")])}),
         "head.linear.bias is not finite; export an earlier checkpoint"),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_exported_are_one_line(folder, spoil, said):
    (model,) = find(folder(spoil(checkpoint(weights=True)))).values()
    with pytest.raises(BirdlibError) as error:
        model.load()
    assert said in str(error.value) and "\n" not in str(error.value)
