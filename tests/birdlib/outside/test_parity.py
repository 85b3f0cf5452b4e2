"""An outside model is used only where it gives what it gave before."""

from dataclasses import replace

import numpy as np
import pytest

from birdlib.errors import BirdlibError
from birdlib.outside.description import OutsideDescription
from birdlib.outside.outside_model import Outputs
from birdlib.outside.parity import check_parity, check_wave, outputs_to_store

from .conftest import NAMES


def test_the_same_model_passes_and_one_without_stored_outputs_says_what_to_store(model):
    stored = outputs_to_store(model)
    assert {name: len(values) for name, values in stored.items()} == {"logits": 3, "embedding": 12}
    assert "differs in logits by 0" in check_parity(model, stored)
    told = check_parity(model, {})
    assert told.startswith("stand-in: no stored outputs") and f"parity = {{ logits = {stored['logits']}" in told


def test_a_model_that_gives_something_else_is_refused(model):
    stored = outputs_to_store(model)
    other = replace(model, run=lambda waves: Outputs(*(values + 0.02 for values in model.run(waves))))
    with pytest.raises(BirdlibError, match="stand-in: differs from its stored outputs: logits by 2.0e-02"):
        check_parity(other, stored)
    with pytest.raises(BirdlibError, match="parity stores 2 numbers of logits, .* gives 3 numbers of logits"):
        check_parity(model, stored | {"logits": stored["logits"][:2]})


def test_the_first_inference_does_not_count(model):
    """It has been seen to give unfilled memory."""
    calls = []

    def run(waves):
        calls.append(len(waves))
        outputs = model.run(waves)
        return outputs if len(calls) > 1 else Outputs(outputs.logits * 0, outputs.embedding * 0)

    check_parity(replace(model, run=run), outputs_to_store(model))


def test_the_wave_fits_between_minus_one_and_one_whatever_the_rate(model):
    for rate in (16000, 48000):
        wave = check_wave(replace(model, sample_rate=rate))
        assert wave.dtype == np.float32 and len(wave) == 3 * rate and 0.3 < np.abs(wave).max() < 1


def test_a_description_brings_the_model_back(model, tmp_path):
    table = {"name": "stand_in", "title": "stand-in", "labels": list(NAMES)}
    OutsideDescription(table, True, outputs_to_store(model)).save(tmp_path)
    again, told = OutsideDescription.read(tmp_path).load(tmp_path)
    assert again.classes == model.classes and "by 0.0e+00" in told
    (tmp_path / "outside.json").write_text("{}")
    with pytest.raises(BirdlibError, match="outside.json: cannot be read .*; attach the output"):
        OutsideDescription.read(tmp_path)
