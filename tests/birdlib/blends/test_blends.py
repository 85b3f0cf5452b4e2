"""Blends against plain loops: members of weight 0 and cells that a member does not know do not count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from birdlib.blends.geometric import Geometric
from birdlib.blends.logit import Logit
from birdlib.blends.mean import Mean
from birdlib.blends.minimum import Minimum
from birdlib.blends.power import Power
from birdlib.blends.rank import Rank
from birdlib.components import component
from birdlib.errors import BirdlibError

ROWS, CLASSES = 7, 3
EXPONENT = 2.5


@st.composite
def members(draw):
    """Probabilities of one to four members, NaN where one does not know, and their weights."""
    count = draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tables = []
    for _ in range(count):
        table = random.beta(0.5, 2.0, (ROWS, CLASSES)).astype(np.float32)
        if draw(st.booleans()):
            table = table.round(1)
        table[:, random.random(CLASSES) < 0.2] = np.nan
        table[random.random(ROWS) < 0.2] = np.nan
        tables.append(table)
    shape = draw(st.sampled_from([(count,), (count, CLASSES)]))
    return tables, random.choice([0.0, 0.5, 1.0, 3.0], shape)


def of_cells(blend):
    """What blend(values, weights) says of each cell, over the members that count there."""

    def reference(tables, weights):
        weights = np.broadcast_to(np.reshape(weights, (len(tables), -1)), (len(tables), CLASSES))
        result = np.full((ROWS, CLASSES), np.nan)
        for row in range(ROWS):
            for column in range(CLASSES):
                known = [
                    (float(table[row, column]), weights[number, column])
                    for number, table in enumerate(tables)
                    if weights[number, column] > 0 and not np.isnan(table[row, column])
                ]
                if known:
                    result[row, column] = blend(*map(np.array, zip(*known, strict=True)))
        return result

    return reference


def ranks(table):
    result = np.full(table.shape, np.nan)
    for column in range(CLASSES):
        scored = ~np.isnan(table[:, column])
        if scored.any():
            result[scored, column] = (stats.rankdata(table[scored, column]) - 0.5) / scored.sum()
    return result


def mean_logit(values, weights):
    values = np.clip(values, np.finfo(np.float32).tiny, 1 - 2.0**-24)
    return 1 / (1 + np.exp(-np.average(np.log(values / (1 - values)), weights=weights)))


mean = of_cells(lambda values, weights: np.average(values, weights=weights))
REFERENCES = {
    "mean": (Mean(), mean),
    "rank": (Rank(), lambda tables, weights: mean([ranks(table) for table in tables], weights)),
    "logit": (Logit(), of_cells(mean_logit)),
    "geometric": (Geometric(), of_cells(lambda values, weights: stats.gmean(values, weights=weights))),
    "power": (Power(EXPONENT), of_cells(lambda values, weights: stats.pmean(values, EXPONENT, weights=weights))),
    "minimum": (Minimum(), of_cells(lambda values, weights: min(values))),
}


def blend_of(name):
    return REFERENCES[name][0]


def test_a_recipe_names_them():
    exponents = {"power": {"exponent": EXPONENT}}
    made = {name: component("blends", {"name": name, **exponents.get(name, {})}) for name in REFERENCES}
    assert made == {name: blend for name, (blend, _) in REFERENCES.items()}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.filterwarnings("error::RuntimeWarning:birdlib")
@given(given_members=members())
@settings(max_examples=30, deadline=None)
def test_a_blend_does_what_a_plain_loop_does(name, given_members):
    tables, weights = given_members
    with np.errstate(divide="ignore"):
        expected = REFERENCES[name][1](tables, weights)
    result = blend_of(name)(tables, weights)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("name", sorted(set(REFERENCES) - {"rank"}))
@given(given_members=members())
@settings(max_examples=15, deadline=None)
def test_of_members_that_agree_the_blend_is_what_they_say(name, given_members):
    (table, *_), _ = given_members
    blended = blend_of(name)([table] * 3, np.array([1.0, 2.0, 0.5]))
    np.testing.assert_allclose(blended, table, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", REFERENCES)
@given(given_members=members(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_members_does_not_matter(name, given_members, seed):
    tables, weights = given_members
    order = np.random.default_rng(seed).permutation(len(tables))
    blended = blend_of(name)(tables, weights)
    other = blend_of(name)([tables[number] for number in order], weights[order])
    np.testing.assert_allclose(other, blended, rtol=1e-5, atol=1e-7)


def test_the_rank_blend_does_not_care_about_scales():
    random = np.random.default_rng(0)
    tables = [random.random((50, 4)).astype(np.float32) for _ in range(2)]
    rank = blend_of("rank")
    weak = tables[1] ** 3 / 7
    np.testing.assert_allclose(rank([tables[0], weak], np.ones(2)), rank(tables, np.ones(2)), rtol=1e-6)


def test_certainties_of_0_and_1_stay_finite_in_the_logit_blend():
    sure, against = np.ones((2, 1), np.float32), np.zeros((2, 1), np.float32)
    blended = blend_of("logit")([sure, against], np.ones(2))
    assert ((blended > 0) & (blended < 1)).all()


def test_unknown_names_and_exponents_are_told():
    with pytest.raises(BirdlibError, match="unknown name 'median'; expected one of geometric, logit, mean, minimum, p"):
        component("blends", {"name": "median"})
    with pytest.raises(BirdlibError, match="blends: power: exponent = 0; expected a number from 0.01 to 100"):
        component("blends", {"name": "power", "exponent": 0})
