"""The projection: what a run's speed means for the hidden test set and its limit."""

import pandas as pd
import pytest

from birdlib.competition.editions import edition
from birdlib.submission.projection import verdict


@pytest.mark.parametrize(("last", "fit"), [(113.0, 2), (115.0, 1), (121.0, 1)])
def test_a_model_fits_that_is_done_before_the_margin(last, fit):
    projected = pd.DataFrame({"done after (minutes)": [60.0, last]})
    said = verdict(projected, edition("birdclef-2023"), 120.0, 0.05)
    assert f"these 2 models {last:.0f} minutes" in said
    assert said.endswith(f"{fit} of 2 fit into the limit of 120 less its margin of 5%.")


def test_one_model_is_this_model():
    said = verdict(pd.DataFrame({"done after (minutes)": [60.0]}), edition("birdclef-2023"), 120.0, 0.05)
    assert "would take this model 60 minutes" in said
