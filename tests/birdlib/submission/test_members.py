"""The ensemble's members: their order, and their models at work."""

import weakref

import numpy as np
import psutil
import pytest

from birdlib.ensemble.members import CompiledMember, load_members
from birdlib.errors import BirdlibError

from .conftest import CLASSES, FRONT_END, small_model, write_weights


def stop(error):
    raise error


def test_models_are_ordered_by_the_worth_that_the_recipe_gives_them(tmp_path):
    weights = write_weights(
        tmp_path / "weights", {name: (small_model(1), score) for name, score in (("b1", 0.1), ("b2", 0.2), ("a1", 0.3))}
    )
    order = lambda models: [one.name for one in load_members(weights, CLASSES, stop, models)]  # noqa: E731
    assert order(["*"]) == ["a1", "b2", "b1"]
    assert order(["b*", "*"]) == ["b2", "b1", "a1"]
    assert order(["b1", "a1"]) == ["b1", "a1"]
    with pytest.raises(BirdlibError, match=r"^MODELS: 'c\*' means no model of .* \(it has a1, b2, b1\)$"):
        order(["c*", "*"])


def test_batches_are_cut_and_joined_so_that_only_the_last_is_short(tmp_path):
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    (member,) = load_members(weights, CLASSES, stop)
    random = np.random.default_rng(0)
    mels = random.standard_normal((23, *FRONT_END.shape)).astype(np.float32)
    one = np.empty((23, 6), np.float32)
    list(CompiledMember(member, precision="f32", batch_size=1).predict([(np.arange(23), mels)], one))
    other = np.empty((23, 6), np.float32)
    blocks = [(np.arange(start, min(start + 7, 23)), mels[start : start + 7]) for start in range(0, 23, 7)]
    counts = list(CompiledMember(member, precision="f32", batch_size=5).predict(blocks, other))
    assert counts == [5, 5, 5, 5, 3]
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_blocks_that_share_their_memory_are_scored_as_others_are(tmp_path):
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    (member,) = load_members(weights, CLASSES, stop)
    mels = np.random.default_rng(0).standard_normal((23, *FRONT_END.shape)).astype(np.float32)

    def blocks():
        memory = np.empty_like(mels[:7])
        for start in range(0, 23, 7):
            rows = np.arange(start, min(start + 7, 23))
            memory[: len(rows)] = mels[rows]
            yield rows, memory[: len(rows)]
            memory[:] = np.nan

    compiled = CompiledMember(member, precision="f32", batch_size=5)
    apart, shared = np.empty((23, 6), np.float32), np.empty((23, 6), np.float32)
    list(compiled.predict([(np.arange(23), mels)], apart))
    list(compiled.predict(blocks(), shared))
    np.testing.assert_array_equal(shared, apart)


def test_a_model_that_nobody_needs_any_more_is_gone_with_its_threads(tmp_path):
    """Twenty models of some hundred MB each follow one another."""
    weights = write_weights(tmp_path / "weights", {"m": (small_model(1), 0.5)})
    (member,) = load_members(weights, CLASSES, stop)
    mels, scores = np.zeros((9, *FRONT_END.shape), np.float32), np.empty((9, 6), np.float32)

    def use():
        compiled = CompiledMember(member, precision="f32", batch_size=2, streams=2)
        list(compiled.predict([(np.arange(9), mels)], scores))
        return weakref.ref(compiled)

    assert use()() is None
    before = psutil.Process().num_threads()
    for _ in range(5):
        use()
    assert psutil.Process().num_threads() <= before
