"""The table of what each post-processing step changes."""

import numpy as np
import pytest

from birdlib.components import component
from birdlib.metrics.ranking import MACRO_ROC_AUC, PADDED_CMAP
from birdlib.scores.effects import effects_table
from birdlib.scores.post_process import post_process

from ..metrics import references

SMOOTHING = {"name": "smoothing", "kernel": [1, 2, 1]}
CUT_OFF = {"name": "cut_off", "threshold": 0.9}
BY_TAXON = {"name": "smoothing", "kernel": [1], "taxa": {"Aves": [1, 1, 1]}}


@pytest.fixture
def predictions():
    """Birds that call for several windows in a row, and probabilities that are noisy from window to window."""
    random = np.random.default_rng(0)
    row_ids = [f"file_{number}_{5 * window}" for number in range(12) for window in range(1, 13)]
    truth = (random.random((12, 4, 3)) < 0.3).repeat(3, axis=1).reshape(144, 3).astype(np.float32)
    probabilities = np.clip(0.3 * truth + random.random(truth.shape) * 0.7, 0, 1)
    return truth, probabilities.astype(np.float32), row_ids


def test_each_step_stands_beside_none_with_its_change_and_interval(predictions):
    truth, probabilities, row_ids = predictions
    table = effects_table(truth, probabilities, row_ids, [SMOOTHING, CUT_OFF], repeats=60)
    names = ["none", "smoothing, kernel = [1, 2, 1]", "cut_off, threshold = 0.9", "all, in this order"]
    assert table.index.tolist() == names
    smooth = post_process([component("postprocessing", SMOOTHING)], probabilities, row_ids)
    groups = [row_id.rpartition("_")[0] for row_id in row_ids]
    for title, metric in (("padded cmAP", PADDED_CMAP), ("macro ROC-AUC", MACRO_ROC_AUC)):
        assert table.loc["none", title] == f"{metric(truth, probabilities):.3f}"
        assert table.loc["none", f"change of {title}"] == ""
        before, after = (references.draws(metric, truth, one, groups, repeats=60) for one in (probabilities, smooth))
        low, high = references.ends(np.subtract(after, before))
        change = metric(truth, smooth) - metric(truth, probabilities)
        assert change > 0.03 and low > 0
        told = f"{change:+.3f} ({low:+.3f} to {high:+.3f})"
        assert table.loc[names[1], f"change of {title}"] == told
    assert table.loc[names[2], "change of macro ROC-AUC"].startswith("+0.000 (")  # no class is cut


def test_a_step_that_this_competition_cannot_have_is_left_out_and_named(predictions, capsys):
    truth, probabilities, row_ids = predictions
    table = effects_table(truth, probabilities, row_ids, [BY_TAXON, SMOOTHING], repeats=10)
    assert table.index.tolist() == ["none", "smoothing, kernel = [1, 2, 1]"]
    assert "cannot be tried here: postprocessing: smoothing: names taxa, but" in capsys.readouterr().out
    taxa = ("Aves", "Insecta", "Aves")
    assert len(effects_table(truth, probabilities, row_ids, [BY_TAXON], taxa=taxa, repeats=10)) == 2


def test_without_a_second_recording_or_a_positive_no_interval_and_no_score_is_claimed(predictions):
    truth, probabilities, row_ids = predictions
    table = effects_table(truth[:12], probabilities[:12], row_ids[:12], [SMOOTHING])
    assert "(" not in "".join(table.to_numpy().ravel())
    silent = effects_table(np.zeros_like(truth), probabilities, row_ids, [SMOOTHING], repeats=10)
    assert (silent["macro ROC-AUC"] == "").all() and (silent["change of macro ROC-AUC"] == "").all()
