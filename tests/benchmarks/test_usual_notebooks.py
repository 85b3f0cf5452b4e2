"""The contestants of the submission's benchmark: each computes what it should, or its time would mean nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy.special import expit

from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from kernelgen.recipe import load_project

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("a", "b", "c", "d", "e")


@pytest.fixture(scope="module")
def usual(script):
    return script("usual_notebooks")


@pytest.fixture(scope="module")
def exported(two_models, tmp_path_factory):
    """A folder as the benchmark makes it, with the same two models for OpenVINO and for torch; and the models."""
    folder = tmp_path_factory.mktemp("models")
    models = two_models(folder / "weights", CLASSES)
    return folder, models


@pytest.fixture(scope="module")
def mels(small):
    """27 windows that all differ, float32 [27, 1, n_mels, frames]."""
    random, time = np.random.default_rng(1), np.arange(small.samples) / small.sample_rate
    waves = [np.sin(2 * np.pi * f * time) + random.normal(0, 0.3, small.samples) for f in np.linspace(100, 3800, 27)]
    return MelSpectrogram(small)(torch.from_numpy(np.stack(waves).astype(np.float32))).numpy()


# ---------------------------------------------------------------- what most notebooks do


def sounds(front_end):
    """float32 [5, samples]: noise, a loud whistle in silence, a faint tone, a click, silence."""
    random, time = np.random.default_rng(0), np.arange(front_end.samples) / front_end.sample_rate
    whistle = 0.9 * np.sin(2 * np.pi * 0.1 * front_end.sample_rate * time) * (time % 1 < 0.3)
    faint = 1e-4 * np.sin(2 * np.pi * 0.2 * front_end.sample_rate * time)
    click = np.zeros(front_end.samples)
    click[-10] = 1
    waves = [random.normal(0, 0.1, front_end.samples), whistle, faint, click, 0 * time]
    return np.stack(waves).astype(np.float32)


def test_the_mel_spectrogram_of_the_usual_notebook_is_the_one_that_the_models_were_trained_on(usual):
    settings = load_project(ROOT).kernels["untrained"].settings
    recipe = FrontEnd.from_dict({name: settings[name] for name in FrontEnd.__dataclass_fields__})
    narrow = replace(recipe, n_fft=1024, hop_length=320, n_mels=64, f_min=50, f_max=14000)
    for front_end in (recipe, narrow):
        waves = sounds(front_end)
        expected = MelSpectrogram(front_end)(torch.from_numpy(waves)).numpy()
        for wave, ours in zip(waves, expected, strict=True):
            mel = usual.librosa_mel(wave, front_end.as_dict())
            assert mel.dtype == np.float32 and mel.shape == front_end.shape
            np.testing.assert_allclose(mel, ours, atol=1e-3)


@pytest.fixture
def soundscapes(tmp_path, small):
    """Two recordings that all notebooks read alike, longer one first: 15 windows and some more, 3 windows."""
    random, paths, waves = np.random.default_rng(2), [], []
    for name, samples in (("z", 15 * small.samples + 1000), ("a", 3 * small.samples)):
        paths.append(tmp_path / f"{name}.wav")
        soundfile.write(paths[-1], random.normal(0, 0.1, samples).clip(-1, 1), small.sample_rate, subtype="FLOAT")
        waves.append(soundfile.read(paths[-1], dtype="float32")[0])
    windows = [wave[: len(wave) // small.samples * small.samples].reshape(-1, small.samples) for wave in waves]
    return paths, MelSpectrogram(small)(torch.from_numpy(np.concatenate(windows))).numpy()


def linear_models(small, classes=3):
    """Models simple enough to be computed by hand, with logits far from 0: each a product with a matrix."""
    random = np.random.default_rng(3)
    size = int(np.prod(small.shape))
    matrices = [random.normal(0, 2 / np.sqrt(size), (size, classes)).astype(np.float32) for _ in range(3)]
    models = [lambda mels, one=one: mels.reshape(len(mels), -1) @ one for one in matrices]
    return models, matrices


def test_a_notebook_gives_the_mean_of_all_models_probabilities_for_each_full_window(usual, small, soundscapes):
    paths, windows = soundscapes
    models, matrices = linear_models(small)
    scores = usual.run_notebook(models, paths, small.as_dict())
    logits = np.stack([windows.reshape(len(windows), -1) @ matrix for matrix in matrices])
    assert scores.shape == (18, 3)
    np.testing.assert_allclose(scores, expit(logits).mean(axis=0), atol=1e-4)
    assert np.abs(expit(logits.mean(axis=0)) - expit(logits).mean(axis=0)).max() > 0.01, "not the mean of logits"


def test_no_batch_of_a_notebook_is_larger_than_a_dozen_and_each_model_hears_each_window_once(usual, small, soundscapes):
    paths, windows = soundscapes
    heard = [[], []]

    def listening(number):
        def model(mels):
            heard[number].append(mels)
            return mels.reshape(len(mels), -1)[:, :2]

        return model

    usual.run_notebook([listening(0), listening(1)], paths, small.as_dict())
    for batches in heard:
        assert all(len(batch) <= 12 for batch in batches)
        np.testing.assert_allclose(np.concatenate(batches), windows, atol=1e-3)


def test_in_every_runtime_a_model_says_the_same(usual, exported, mels):
    folder, models = exported
    (folder / "peers").mkdir(exist_ok=True)
    for name, model in models.items():
        torch.save(model, folder / "peers" / f"{name}.pt")
        with torch.no_grad():
            torch.jit.trace(model, torch.from_numpy(mels[:2])).save(str(folder / "peers" / f"{name}.torchscript"))
    names = list(models)[::-1]
    for runtime in ("openvino", "torchscript", "eager"):
        loaded = usual.LOADERS[runtime](folder, names)
        assert len(loaded) == 2
        for name, run in zip(names, loaded, strict=True):
            for some in (mels[:12], mels[12:27]):
                np.testing.assert_allclose(expit(run(some)), in_torch(models[name], some), atol=1e-4, err_msg=runtime)


# ---------------------------------------------------------------- the ceiling


def in_torch(model, mels):
    """Probabilities, float32 [windows, classes]."""
    with torch.inference_mode():
        return model(torch.from_numpy(mels)).sigmoid().numpy()


@pytest.mark.parametrize(
    ("streams", "threads", "batch", "windows"),
    [(1, 1, 1, 5), (1, 2, 4, 27), (2, 2, 4, 24), (2, 2, 12, 27), (2, 2, 8, 3)],
)
def test_the_bare_loop_gives_each_models_logits_in_the_order_of_the_windows(
    usual, exported, mels, streams, threads, batch, windows
):
    folder, models = exported
    loop = usual.BareLoop(folder / "weights", list(models), mels.shape[1:], streams, threads, batch)
    given = mels[:windows].copy()
    scores = expit(loop.run(given))
    expected = np.stack([in_torch(model, given) for model in models.values()])
    assert scores.shape == (2, windows, len(CLASSES))
    assert np.abs(np.diff(expected, axis=1)).max(axis=2).min() > 1e-3, "windows and models that can be told apart"
    assert np.abs(expected[0] - expected[1]).max() > 1e-2
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    np.testing.assert_array_equal(given, mels[:windows])


def test_the_bare_loop_says_the_same_when_it_is_asked_again_for_more(usual, exported, mels):
    folder, models = exported
    loop = usual.BareLoop(folder / "weights", list(models), mels.shape[1:], 2, 2, 4)
    few = loop.run(mels[:4])
    many = loop.run(mels)
    np.testing.assert_allclose(many[:, :4], few, atol=1e-5)
    assert many.shape[1] == 27 and np.isfinite(many).all()


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
def test_every_arrangement_keeps_all_cores_busy_and_none_is_tried_twice(usual, cores):
    tried = usual.arrangements(cores)
    assert len(set(tried)) == len(tried)
    assert {threads for _, threads, _ in tried} == {cores}
    # A stream per core and one stream of all cores; a stream of two cores where there are several such.
    assert {streams for streams, _, _ in tried} == {cores, 1} | ({cores // 2} if cores >= 4 else set())
    assert all(1 <= batch <= 24 for _, _, batch in tried)
    for streams in {streams for streams, _, _ in tried}:
        batches = [batch for own, _, batch in tried if own == streams]
        assert 1 in batches and usual.BATCH in batches, "the batch of the usual notebooks, and single windows"
