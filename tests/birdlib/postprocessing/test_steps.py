"""Post-processing steps against plain loops: file by file, in order of time, without what was not scored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.postprocessing.class_rank import ClassRank
from birdlib.postprocessing.cut_off import CutOff
from birdlib.postprocessing.file_maximum import FileMaximum
from birdlib.postprocessing.probability_power import ProbabilityPower
from birdlib.postprocessing.smoothing import Smoothing
from birdlib.postprocessing.top_k_scaling import TopKScaling
from birdlib.scores.row_layout import RowLayout

CLASSES = 3
TAXA = ("Aves", "Insecta", "")
KERNEL = (0.1, 0.2, 0.4, 0.2, 0.1)


@st.composite
def tables(draw):
    """Row ids of some files in any order, and probabilities, float32 [rows, classes], some of them NaN."""
    counts = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    row_ids = [f"file_{number}_{5 * window}" for number, count in enumerate(counts) for window in range(1, count + 1)]
    row_ids = draw(st.permutations(row_ids))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    probabilities = random.beta(0.4, 2.0, (len(row_ids), CLASSES)).astype(np.float32)
    if draw(st.booleans()):
        probabilities = probabilities.round(1)  # ties
    probabilities[random.random(len(row_ids)) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    if draw(st.booleans()):
        probabilities[:, 1] = np.nan  # a class that no model knows
    return row_ids, probabilities


def file_and_second(row_id):
    stem, second = row_id.rsplit("_", 1)
    return stem, int(second)


def windows_of(row_ids, row):
    """The rows of a row's file, in order of time."""
    same = [
        other for other in range(len(row_ids)) if file_and_second(row_ids[other])[0] == file_and_second(row_ids[row])[0]
    ]
    return sorted(same, key=lambda other: file_and_second(row_ids[other])[1])


def each_cell(probabilities, value):
    """A table of value(row, column) where there was a score."""
    result = np.full(probabilities.shape, np.nan)
    for row in range(len(probabilities)):
        for column in range(CLASSES):
            if not np.isnan(probabilities[row, column]):
                result[row, column] = value(row, column)
    return result


def smoothed(row_ids, p, kernels):
    def value(row, column):
        windows, kernel = windows_of(row_ids, row), kernels[column]
        total = weight = 0.0
        for place, other in enumerate(windows):
            distance = place - windows.index(row) + len(kernel) // 2
            if 0 <= distance < len(kernel) and not np.isnan(p[other, column]):
                total += kernel[distance] * float(p[other, column])
                weight += kernel[distance]
        return total / weight

    return each_cell(p, value)


def file_maximum(row_ids, p, share):
    def value(row, column):
        scored = [float(p[other, column]) for other in windows_of(row_ids, row) if not np.isnan(p[other, column])]
        return (1 - share) * float(p[row, column]) + share * max(scored)

    return each_cell(p, value)


def top_k_scaled(row_ids, p, k, power):
    def value(row, column):
        scored = [float(p[other, column]) for other in windows_of(row_ids, row) if not np.isnan(p[other, column])]
        best = sorted(scored)[-k:]
        return float(p[row, column]) * (sum(best) / len(best)) ** power

    return each_cell(p, value)


def cut_off(row_ids, p, threshold):
    above = [any(value > threshold for value in p[:, column]) for column in range(CLASSES)]
    return each_cell(p, lambda row, column: p[row, column] if above[column] else 0.0)


def ranked(row_ids, p):
    result = np.full(p.shape, np.nan)
    for column in range(CLASSES):
        scored = ~np.isnan(p[:, column])
        if scored.any():
            result[scored, column] = (rankdata(p[scored, column]) - 0.5) / scored.sum()
    return result


BY_TAXON = {"Insecta": [1, 1, 1], "Aves": [1]}
REFERENCES = {
    "smoothing": (Smoothing(KERNEL), lambda ids, p: smoothed(ids, p, [KERNEL] * 3)),
    "smoothing, lopsided": (Smoothing((0, 2, 1)), lambda ids, p: smoothed(ids, p, [(0, 2, 1)] * 3)),
    "smoothing by taxon": (Smoothing(KERNEL, BY_TAXON), lambda ids, p: smoothed(ids, p, [[1], [1, 1, 1], KERNEL])),
    "file_maximum": (FileMaximum(0.3), lambda ids, p: file_maximum(ids, p, 0.3)),
    "top_k_scaling": (TopKScaling(2, 0.4), lambda ids, p: top_k_scaled(ids, p, 2, 0.4)),
    "top_k_scaling of all": (TopKScaling(100, 1.0), lambda ids, p: top_k_scaled(ids, p, 100, 1.0)),
    "probability_power": (ProbabilityPower(1.5), lambda ids, p: each_cell(p, lambda r, c: float(p[r, c]) ** 1.5)),
    "cut_off": (CutOff(0.5), lambda ids, p: cut_off(ids, p, 0.5)),
    "class_rank": (ClassRank(), ranked),
}


def step_of(name):
    return REFERENCES[name][0]


def test_a_recipe_names_them():
    tables = [
        {"name": "smoothing", "kernel": KERNEL, "taxa": BY_TAXON},
        {"name": "file_maximum", "share": 0.3},
        {"name": "top_k_scaling", "k": 2, "power": 0.4},
        {"name": "probability_power", "exponent": 1.5},
        {"name": "cut_off", "threshold": 0.5},
        {"name": "class_rank"},
    ]
    steps = [step_of("smoothing by taxon"), *(step_of(table["name"]) for table in tables[1:])]
    assert [component("postprocessing", table) for table in tables] == steps


@pytest.mark.parametrize("name", REFERENCES)
@given(table=tables())
@settings(max_examples=30, deadline=None)
def test_a_step_does_what_a_plain_loop_does(name, table):
    row_ids, probabilities = table
    before = probabilities.copy()
    result = step_of(name)(probabilities, RowLayout.of(row_ids), TAXA)
    assert result.dtype == np.float32 and result.shape == probabilities.shape
    np.testing.assert_allclose(result, REFERENCES[name][1](row_ids, probabilities), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(probabilities, before)
    scored = result[~np.isnan(result)]
    assert ((scored >= 0) & (scored <= 1)).all()


@pytest.mark.parametrize("name", REFERENCES)
@given(table=tables(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_rows_does_not_matter(name, table, seed):
    row_ids, probabilities = table
    order = np.random.default_rng(seed).permutation(len(row_ids))
    result = step_of(name)(probabilities, RowLayout.of(row_ids), TAXA)
    other = step_of(name)(probabilities[order], RowLayout.of([row_ids[row] for row in order]), TAXA)
    np.testing.assert_allclose(other, result[order], rtol=1e-6)


@pytest.mark.parametrize("name", ["smoothing", "smoothing by taxon", "file_maximum", "top_k_scaling"])
@given(table=tables())
@settings(max_examples=15, deadline=None)
def test_one_files_scores_do_not_change_another_files(name, table):
    row_ids, probabilities = table
    layout = RowLayout.of(row_ids)
    result = step_of(name)(probabilities, layout, TAXA)
    for rows in layout.files:
        alone = step_of(name)(probabilities[rows], RowLayout.of([row_ids[row] for row in rows]), TAXA)
        np.testing.assert_allclose(alone, result[rows], rtol=1e-6)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_table_without_rows_stays_one(name):
    assert step_of(name)(np.zeros((0, CLASSES), np.float32), RowLayout.of([]), TAXA).shape == (0, CLASSES)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            {"name": "smoothing", "kernel": [0.5, 0.5]},
            "postprocessing: smoothing: kernel = [0.5, 0.5]; expected an odd",
        ),
        ({"name": "smoothing", "kernel": [1, 0, 1]}, "expected an odd number of weights"),
        ({"name": "smoothing", "kernel": [-1, 2, 0]}, "expected an odd number of weights"),
        ({"name": "smoothing", "kernel": "abc"}, "expected an odd number of weights"),
        ({"name": "smoothing", "kernel": [1], "taxa": {"Aves": []}}, "smoothing: Aves = []; expected an odd"),
        ({"name": "smoothing", "kernel": [1], "taxa": ["Aves"]}, "expected a table of taxa and their kernels"),
        ({"name": "file_maximum", "share": 1.1}, "file_maximum: share = 1.1; expected a number from 0 to 1"),
        ({"name": "top_k_scaling", "k": 0, "power": 1}, "top_k_scaling: k = 0; expected a whole number from 1 on"),
        ({"name": "top_k_scaling", "k": 1}, "top_k_scaling needs 'power'; add it"),
        ({"name": "probability_power", "exponent": 0}, "exponent = 0; expected a number from 0.01 to 100"),
        ({"name": "cut_off", "threshold": "no"}, "threshold = 'no'; expected a number from 0 to 1"),
        ({"name": "rank"}, "unknown name 'rank'; expected one of class_rank, cut_off, file_maximum, "),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_named(table, told):
    with pytest.raises(BirdlibError) as caught:
        component("postprocessing", table)
    assert told in str(caught.value)


def test_a_taxon_that_the_competition_does_not_have_is_named():
    step = step_of("smoothing by taxon")
    empty = np.zeros((0, CLASSES), np.float32), RowLayout.of([])
    with pytest.raises(BirdlibError, match="smoothing: names taxa, but the competition has no taxonomy.csv"):
        step(*empty, None)
    with pytest.raises(BirdlibError, match="no class is of the taxon 'Insecta'; expected one of Aves, Mammalia"):
        step(*empty, ("Aves", "Mammalia", ""))
