"""Distillation and its divergences: held against torch's own, under one reduction."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from birdlib.errors import BirdlibError
from birdlib.losses.bce import Bce
from birdlib.losses.distillation import Distillation
from birdlib.losses.divergence import divergence as cells_of

from .batches import batch_of, output_of


def divergence(first, second, kind="bernoulli"):
    return cells_of(first, second, kind).mean()


def bce(logits, targets, weights):
    return Bce()(output_of(logits), batch_of(targets, weights))


def distillation(student, teacher, targets, weights, *, shares):
    return Distillation(shares=shares)(output_of(student), batch_of(targets, weights, teacher=teacher))


def logits(seed, classes=7, scale=3.0):
    return scale * torch.randn(5, classes, generator=torch.Generator().manual_seed(seed))


def targets(seed, classes=7):
    return torch.rand(5, classes, generator=torch.Generator().manual_seed(seed))


def test_bce_is_torchs_where_every_class_counts():
    expected = F.binary_cross_entropy_with_logits(logits(0), targets(1))
    torch.testing.assert_close(bce(logits(0), targets(1), torch.ones(5, 7)), expected)


def test_a_masked_class_of_a_clip_has_no_say():
    weights = torch.ones(5, 7)
    weights[2, 3] = 0
    one, other = logits(0).requires_grad_(), logits(0)
    other[2, 3] = 50.0
    loss = bce(one, targets(1), weights)
    torch.testing.assert_close(loss, bce(other, targets(1), weights))
    loss.backward()
    assert one.grad[2, 3] == 0 and (one.grad != 0).sum() == 34


def test_the_bernoulli_divergence_is_the_sum_over_yes_and_no_of_torchs():
    first, second = logits(0), logits(1)
    yes = F.kl_div(F.logsigmoid(second), F.logsigmoid(first), log_target=True, reduction="none")
    no = F.kl_div(F.logsigmoid(-second), F.logsigmoid(-first), log_target=True, reduction="none")
    torch.testing.assert_close(divergence(first, second), (yes + no).mean())


def test_the_categorical_divergence_is_torchs_over_the_number_of_classes():
    first, second = logits(0), logits(1)
    expected = F.kl_div(second.log_softmax(1), first.log_softmax(1), log_target=True, reduction="batchmean") / 7
    torch.testing.assert_close(divergence(first, second, "categorical"), expected)


@pytest.mark.parametrize("kind", ["bernoulli", "categorical"])
def test_a_divergence_is_zero_for_equals_and_positive_for_others(kind):
    assert divergence(logits(0), logits(0), kind).abs() < 1e-7
    assert divergence(logits(0), logits(1), kind) > 0.01


def test_certain_models_have_finite_losses_and_gradients():
    sure = torch.tensor([[200.0, -200.0, 90.0]]).requires_grad_()
    loss = distillation(sure, -sure.detach(), torch.zeros(1, 3), torch.ones(1, 3), shares=(0.33, 0.34, 0.33))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(sure.grad).all()


def test_half_precision_logits_give_float32_losses():
    assert bce(logits(0).half(), targets(1), torch.ones(5, 7)).dtype == torch.float32
    assert divergence(logits(0).bfloat16(), logits(1).bfloat16()).dtype == torch.float32


def test_distillation_is_its_shares_of_three_terms():
    student, teacher, labels, weights = logits(0), logits(1), targets(2), torch.ones(5, 7)
    terms = [bce(student, labels, weights), divergence(student, teacher), divergence(teacher, student)]
    for shares in ((0.33, 0.34, 0.33), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        loss = distillation(student, teacher, labels, weights, shares=shares)
        torch.testing.assert_close(loss, sum(share * term for share, term in zip(shares, terms, strict=True)))


@pytest.mark.parametrize("kind", ["bernoulli", "categorical"])
def test_no_term_drowns_the_others_as_classes_grow(kind):
    """With 264 classes instead of 7, all terms are means still."""
    few = divergence(logits(0, 7), logits(1, 7), kind)
    many = divergence(logits(0, 264), logits(1, 264), kind)
    assert many < 3 * few


def test_the_teacher_learns_nothing():
    student, teacher = logits(0).requires_grad_(), logits(1).requires_grad_()
    distillation(student, teacher, targets(2), torch.ones(5, 7), shares=(0.33, 0.34, 0.33)).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


def test_a_gradient_step_on_a_divergence_brings_the_student_closer():
    for kind in ("bernoulli", "categorical"):
        for turn in (lambda s, t: (s, t), lambda s, t: (t, s)):
            student, teacher = logits(0).requires_grad_(), logits(1)
            before = divergence(*turn(student, teacher), kind)
            before.backward()
            after = divergence(*turn(student.detach() - 0.5 * student.grad, teacher), kind)
            assert after < before


def test_an_unknown_divergence_is_named():
    with pytest.raises(BirdlibError, match="divergence = 'renyi'; expected one of 'bernoulli', 'categorical'"):
        Distillation(divergence="renyi")


def test_losses_do_not_depend_on_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        under = divergence(logits(0), logits(1))
    np.testing.assert_allclose(under, divergence(logits(0), logits(1)), rtol=1e-6)
