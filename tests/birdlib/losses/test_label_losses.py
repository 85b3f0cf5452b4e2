"""Losses of labels, held against the same computed another way."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.losses.weighted_sum import WeightedSum

from .batches import batch_of, output_of

LABEL_LOSSES = [
    {"name": "bce"},
    {"name": "focal"},
    {"name": "cross_entropy"},
    {"name": "soft_auc"},
]


def loss(name, **parameters):
    return component("losses", {"name": name, **parameters})


def logits(seed=0, rows=8, classes=5, scale=3.0):
    return scale * torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed))


def targets(seed=1, rows=8, classes=5):
    return torch.rand(rows, classes, generator=torch.Generator().manual_seed(seed))


def one_hot(rows=8, classes=5):
    return torch.eye(classes)[torch.arange(rows) % classes]


def test_focal_without_gamma_is_bce_and_with_it_the_formula_of_the_paper():
    found, labels = logits(), one_hot()
    expected = F.binary_cross_entropy_with_logits(found, labels)
    torch.testing.assert_close(loss("focal", gamma=0.0)(output_of(found), batch_of(labels)), expected)
    probability = found.double().sigmoid().numpy()
    right = np.where(labels.numpy() == 1, probability, 1 - probability)
    by_hand = -((1 - right) ** 2 * np.log(right)).mean()
    assert loss("focal", gamma=2.0)(output_of(found), batch_of(labels)).item() == pytest.approx(by_hand, rel=1e-5)


def test_focal_of_what_is_known_costs_little_of_what_is_not_as_much_as_bce():
    sure, wrong = torch.tensor([[6.0]]), torch.tensor([[-6.0]])
    present = batch_of(torch.ones(1, 1))
    assert loss("focal")(output_of(sure), present) < 1e-3 * loss("bce")(output_of(sure), present)
    assert loss("focal")(output_of(wrong), present) > 0.98 * loss("bce")(output_of(wrong), present)


def test_cross_entropy_is_torchs_of_labels_that_add_up_to_one():
    found, labels = logits(), one_hot() + torch.roll(one_hot(), 1, 1)
    expected = F.cross_entropy(found, labels / 2)
    torch.testing.assert_close(loss("cross_entropy")(output_of(found), batch_of(labels)), expected)
    torch.testing.assert_close(loss("cross_entropy")(output_of(found), batch_of(labels / 3)), expected)


def test_cross_entropy_passes_over_clips_without_a_label():
    found, labels = logits(), one_hot()
    labels[3] = 0
    others = [row for row in range(8) if row != 3]
    expected = F.cross_entropy(found[others], labels[others])
    torch.testing.assert_close(loss("cross_entropy")(output_of(found), batch_of(labels)), expected)
    nothing = loss("cross_entropy")(output_of(found), batch_of(torch.zeros(8, 5)))
    assert nothing == 0


def test_soft_auc_is_the_mean_over_all_pairs():
    found, labels = logits(rows=12), one_hot(12)
    by_hand = []
    for c in range(5):
        present, absent = found[labels[:, c] == 1, c], found[labels[:, c] == 0, c]
        by_hand.append(np.mean([math.log1p(math.exp(float(b - a))) for a in present for b in absent]))
    found_loss = loss("soft_auc", bce_share=0.0)(output_of(found), batch_of(labels))
    assert found_loss.item() == pytest.approx(np.mean(by_hand), rel=1e-5)
    with_bce = loss("soft_auc", bce_share=0.25)(output_of(found), batch_of(labels))
    expected = found_loss + 0.25 * F.binary_cross_entropy_with_logits(found, labels)
    torch.testing.assert_close(with_bce, expected)


def test_less_soft_auc_is_more_auc():
    labels, found = one_hot(40), logits(rows=40).requires_grad_()
    before = roc_auc_score(labels, found.detach().sigmoid(), average="macro")
    for _ in range(30):
        (gradient,) = torch.autograd.grad(loss("soft_auc", bce_share=0.0)(output_of(found), batch_of(labels)), found)
        found = (found - 5 * gradient).detach().requires_grad_()
    assert roc_auc_score(labels, found.detach().sigmoid(), average="macro") > before + 0.1


@pytest.mark.parametrize("table", LABEL_LOSSES, ids=lambda table: table["name"])
def test_what_is_not_known_has_no_say(table):
    weights, labels = torch.ones(8, 5), one_hot()
    weights[2, 3] = 0
    one, other = logits().requires_grad_(), logits()
    other[2, 3] = 50.0
    value = component("losses", table)(output_of(one), batch_of(labels, weights))
    torch.testing.assert_close(value, component("losses", table)(output_of(other), batch_of(labels, weights)))
    value.backward()
    assert one.grad[2, 3] == 0 and one.grad.isfinite().all()


@pytest.mark.parametrize("table", LABEL_LOSSES, ids=lambda table: table["name"])
def test_half_of_the_loss_is_that_of_the_loudest_frames_where_there_are_frames(table):
    clip, frames, labels = logits(), torch.stack([logits(3), logits(4), logits(5)], dim=1), one_hot()
    made = component("losses", table)
    halves = (made(output_of(clip), batch_of(labels)) + made(output_of(frames.amax(1)), batch_of(labels))) / 2
    torch.testing.assert_close(made(output_of(clip, frames), batch_of(labels)), halves)
    alone = component("losses", table | {"frame_share": 0.0})
    torch.testing.assert_close(
        alone(output_of(clip, frames), batch_of(labels)), made(output_of(clip), batch_of(labels))
    )


@pytest.mark.parametrize("table", LABEL_LOSSES, ids=lambda table: table["name"])
def test_certain_models_have_finite_losses_and_gradients(table):
    sure = torch.tensor([[200.0, -200.0, 90.0], [-90.0, 200.0, -200.0]]).requires_grad_()
    value = component("losses", table)(output_of(sure), batch_of(1 - (sure > 0).float().detach()))
    value.backward()
    assert value.isfinite() and sure.grad.isfinite().all() and value.dtype == torch.float32


def test_a_table_teaches_as_a_live_teacher_that_says_the_same():
    found, labels, teacher = logits(), one_hot(), logits(7, scale=1.0)
    live = loss("distillation")(output_of(found), batch_of(labels, teacher=teacher))
    stored = loss("table_distillation")(output_of(found), batch_of(labels, probabilities=teacher.sigmoid()))
    torch.testing.assert_close(live, stored, rtol=1e-4, atol=1e-5)


def test_clips_that_the_table_does_not_know_have_their_labels_only():
    found, labels, stored = logits().requires_grad_(), one_hot(), targets()
    stored[3] = float("nan")
    towards = loss("table_distillation", shares=[0.0, 0.5, 0.5])
    towards(output_of(found), batch_of(labels, probabilities=stored)).backward()
    assert (found.grad[3] == 0).all() and (found.grad[2] != 0).all() and found.grad.isfinite().all()
    with pytest.raises(BirdlibError, match="the clips have no column 'probabilities' \\(there is none\\)"):
        towards(output_of(found), batch_of(labels))


def test_embeddings_are_held_against_stored_ones_by_their_direction():
    own, labels = logits(classes=6), one_hot()
    same = loss("embedding_distillation")(output_of(logits(), embedding=own), batch_of(labels, embedding=7 * own))
    assert same.item() == pytest.approx(0, abs=1e-6)
    stored = logits(3, classes=6)
    expected = (1 - F.cosine_similarity(own[:7], stored[:7])).mean()
    stored[7] = float("nan")
    found = loss("embedding_distillation")(output_of(logits(), embedding=own), batch_of(labels, embedding=stored))
    torch.testing.assert_close(found, expected)
    squared = loss("embedding_distillation", squares=0.5)(
        output_of(logits(), embedding=own), batch_of(labels, embedding=stored)
    )
    torch.testing.assert_close(squared, expected + 0.5 * F.mse_loss(own[:7], stored[:7]))
    with pytest.raises(BirdlibError, match="the model gives none; set embedding_size"):
        loss("embedding_distillation")(output_of(logits()), batch_of(labels, embedding=stored))


def test_a_recipes_loss_is_the_weighted_sum_of_its_terms():
    found, labels = logits(), one_hot()
    terms = [{"name": "bce"}, {"name": "focal", "gamma": 1.0, "weight": 0.5}]
    expected = loss("bce")(output_of(found), batch_of(labels))
    expected = expected + 0.5 * loss("focal", gamma=1.0)(output_of(found), batch_of(labels))
    torch.testing.assert_close(WeightedSum(terms)(output_of(found), batch_of(labels)), expected)
    assert not WeightedSum(terms).needs_teacher and WeightedSum([{"name": "distillation"}]).needs_teacher


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ([], "loss: names none"),
        ([{"name": "focl"}], "losses: unknown name 'focl'; expected one of"),
        ([{"name": "label_loss"}], "losses: unknown name 'label_loss'; expected one of"),
        ([{"name": "focal", "gama": 1}], "losses: focal has no parameter 'gama'; expected frame_share, gamma"),
        ([{"name": "focal", "gamma": -1}], "losses: focal: gamma = -1; expected a number from 0 on"),
        ([{"name": "bce", "weight": "much"}], "losses: bce: weight = 'much'"),
        ([{"gamma": 1}], "losses: {'gamma': 1}; expected a table with a name"),
    ],
)
def test_a_loss_that_cannot_be_is_one_line(terms, said):
    with pytest.raises(BirdlibError) as error:
        WeightedSum(terms)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)
