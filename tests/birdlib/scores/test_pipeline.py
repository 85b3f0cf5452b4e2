"""From score tables to scores: classes by name, weights by glob and taxon, then the steps in their order."""

import numpy as np
import pytest

from birdlib.blends.mean import Mean
from birdlib.blends.rank import Rank
from birdlib.errors import BirdlibError
from birdlib.postprocessing.class_rank import ClassRank
from birdlib.postprocessing.file_maximum import FileMaximum
from birdlib.postprocessing.probability_power import ProbabilityPower
from birdlib.postprocessing.smoothing import Smoothing
from birdlib.postprocessing.top_k_scaling import TopKScaling
from birdlib.scores.pipeline import Scoring
from birdlib.scores.score_table import ScoreTable

ROW_IDS = ("b_10", "a_5", "b_5", "a_10")


def table(name, classes, seed, row_ids=ROW_IDS):
    logits = np.random.default_rng(seed).normal(0, 2, (len(row_ids), len(classes))).astype(np.float32)
    return ScoreTable(name, tuple(row_ids), tuple(classes), logits)


def test_a_recipe_is_a_blend_its_weights_and_steps():
    steps = [{"name": "class_rank"}, {"name": "probability_power", "exponent": 2.0}]
    recipe = Scoring.of({"name": "rank", "weights": {"a*": 2}}, steps)
    assert recipe == Scoring(Rank(), {"a*": 2}, (ClassRank(), ProbabilityPower(2.0)))


def test_the_default_is_the_mean_of_the_probabilities_over_the_models_that_know_a_class():
    one, two = table("one", "abc", 1), table("two", "cbd", 2)
    scores = Scoring.of({"name": "mean"})([one, two], ["a", " b ", "c", "d", "e", "c"])
    p, q = one.probabilities().astype(np.float64), two.probabilities().astype(np.float64)
    expected = [p[:, 0], (p[:, 1] + q[:, 1]) / 2, (p[:, 2] + q[:, 0]) / 2, q[:, 2]]
    np.testing.assert_array_equal(scores[:, :4], np.array(expected).T.astype(np.float32))
    assert np.isnan(scores[:, 4]).all()
    np.testing.assert_array_equal(scores[:, 5], scores[:, 2])


def test_many_classes_are_blended_as_few_are():
    classes = [f"class{number}" for number in range(150)]
    one, two = table("one", classes, 1), table("two", classes[::-1], 2)
    scores = Scoring.of({"name": "rank"})([one, two], classes)
    for start in range(0, 150, 50):
        some = classes[start : start + 50]
        np.testing.assert_array_equal(scores[:, start : start + 50], Scoring.of({"name": "rank"})([one, two], some))


def test_weights_are_by_the_first_glob_that_matches_and_by_taxon():
    tables = [table("big-1", "abc", 1), table("big-2", "abc", 2), table("other", "abc", 3)]
    weights = {"big-2": 0.0, "big-*": 3.0, "other": {"Aves": 0.5}}
    scoring = Scoring.of({"name": "mean", "weights": weights})
    taxa = ("Aves", "Insecta", "")
    scoring.check([one.name for one in tables], taxa)
    scores = scoring(tables, "abc", taxa)
    p, _, q = (one.probabilities().astype(np.float64) for one in tables)
    expected = np.stack([(3 * p[:, c] + w * q[:, c]) / (3 + w) for c, w in enumerate((0.5, 1.0, 1.0))], axis=1)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_steps_follow_the_blend_in_their_order():
    one = table("one", "ab", 1)
    power, maximum, scale = ProbabilityPower(2.0), FileMaximum(1.0), TopKScaling(2, 1.0)
    p = one.probabilities()
    best = np.array([np.maximum(p[0], p[2]), np.maximum(p[1], p[3])])[[0, 1, 0, 1]]
    np.testing.assert_allclose(Scoring(Mean(), {}, (maximum, power))([one], "ab"), best**2, rtol=1e-6)
    first = Scoring(Mean(), {}, (maximum, scale))([one], "ab")
    second = Scoring(Mean(), {}, (scale, maximum))([one], "ab")
    np.testing.assert_allclose(first, best**2, rtol=1e-6)
    assert np.abs(first - second).max() > 0.01


def test_a_row_that_is_named_twice_counts_once():
    once = table("one", "ab", 1, ("a_5", "a_10", "a_15"))
    rows = [0, 1, 1, 2, 1]
    twice = ScoreTable("one", ("a_5", "a_10", "a_10.0", "a_15", " a_10"), once.classes, once.logits[rows])
    scoring = Scoring(Mean(), {}, (Smoothing([1, 2, 1]), ClassRank()))
    np.testing.assert_array_equal(scoring([twice], "ab"), scoring([once], "ab")[rows])


def test_tables_of_other_rows_are_not_blended():
    with pytest.raises(BirdlibError, match="two and one scored other rows"):
        Scoring.of({"name": "mean"})([table("one", "ab", 1), table("two", "ab", 2, ROW_IDS[::-1])], "ab")


@pytest.mark.parametrize(
    ("blend", "steps", "told"),
    [
        ("mean", [], "blend = 'mean'; expected a table such as"),
        ({"name": "men"}, [], "blends: unknown name 'men'; expected one of geometric, "),
        ({"name": "mean", "weights": 2}, [], "blend: weights = 2; expected a table"),
        ({"name": "mean", "weights": {"a": -1}}, [], "blend: the weight of 'a' is -1; expected a number, 0 or more"),
        ({"name": "mean", "weights": {"a": {"Aves": "x"}}}, [], "the weight of 'a' is 'x'"),
        ({"name": "mean"}, ["smoothing"], "postprocessing: 'smoothing'; expected a table with a name"),
    ],
    ids=str,
)
def test_what_a_recipe_gets_wrong_is_told(blend, steps, told):
    with pytest.raises(BirdlibError) as caught:
        Scoring.of(blend, steps)
    assert told in str(caught.value)


def test_weights_of_models_and_taxa_that_are_not_there_are_told_before_anything_is_scored():
    with pytest.raises(BirdlibError, match="the weight of 'x-.' means no model; there are a-1, b-1"):
        Scoring.of({"name": "mean", "weights": {"x-*": 2.0}}).check(["a-1", "b-1"], None)
    by_taxon = {"name": "mean", "weights": {"a-*": {"Aves": 2.0}}}
    with pytest.raises(BirdlibError, match="the weight of 'a-.': names taxa, but the competition has no taxonomy"):
        Scoring.of(by_taxon).check(["a-1"], None)
    with pytest.raises(BirdlibError, match="no class is of the taxon 'Aves'; expected one of Insecta"):
        Scoring.of(by_taxon).check(["a-1"], ("Insecta",))
    smoothing = {"name": "smoothing", "kernel": [1], "taxa": {"Aves": [1, 1, 1]}}
    with pytest.raises(BirdlibError, match="smoothing: names taxa, but the competition has no taxonomy"):
        Scoring.of({"name": "mean"}, [smoothing]).check(["a-1"], None)
