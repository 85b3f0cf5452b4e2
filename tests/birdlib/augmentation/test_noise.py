"""Noise from a folder: at the ratio that was asked for, from all over the folder, whatever is broken in it."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.noise_recordings import noise_pieces
from birdlib.augmentation.recipe import Augmentation, read_steps
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.errors import BirdlibError

from .noises import write_noises

RATE = 8000


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(**parameters):
    return {"name": "noise", "p": 1.0, "folder": "noises"} | parameters


def with_noise(root, clips, seed=0, **parameters):
    context = AugmentationContext(RATE, lambda name: root / name)
    batch = Batch(clips, torch.ones(len(clips), 1), torch.ones(len(clips), 1))
    return Augmentation([noise(**parameters)], context).waves(batch, generator(seed)).input


@pytest.fixture
def folder(tmp_path):
    """Two recordings of noise longer than the clips and one that is shorter."""
    write_noises(tmp_path / "noises", RATE, [3.0, 2.0, 0.4])
    return tmp_path


def clips(size, seconds=1.0):
    return 0.1 * torch.randn(size, round(seconds * RATE), generator=generator(9))


@pytest.mark.parametrize(("low", "high"), [(10.0, 10.0), (-5.0, 20.0)])
def test_the_ratio_of_powers_is_the_one_asked_for(folder, low, high):
    before = clips(500)
    after = with_noise(folder, before, low=low, high=high).double().numpy()
    own = before.double().numpy()
    ratios = 10 * np.log10((own**2).mean(1) / ((after - own) ** 2).mean(1))
    assert low - 0.01 <= ratios.min() and ratios.max() <= high + 0.01
    assert ratios.mean() == pytest.approx((low + high) / 2, abs=1.2)


def test_what_is_added_is_a_piece_of_a_recording_from_anywhere_in_it(folder):
    before = clips(30)
    added = (with_noise(folder, before, low=0.0, high=0.0) - before).numpy()
    recordings = [soundfile.read(path)[0] for path in sorted((folder / "noises").iterdir())]
    places = []
    for wave in added:
        # The correlation at the best place of the best recording, which repeats where it is short.
        best = []
        for recording in recordings:
            whole = np.tile(recording, 5) if len(recording) < len(wave) else recording
            product = scipy.signal.correlate(whole, wave, mode="valid", method="fft")
            power = scipy.signal.fftconvolve(whole**2, np.ones(len(wave)), mode="valid")
            score = product / np.sqrt(power * (wave**2).sum())
            best.append((score.max(), int(score.argmax())))
        scores = [score for score, _ in best]
        assert max(scores) > 0.999 and sorted(scores)[-2] < 0.2
        places.append((int(np.argmax(scores)), best[int(np.argmax(scores))][1]))
    assert {number for number, _ in places} == {0, 1, 2} and len(set(places)) > 25


def test_silence_stays_silence_and_silent_recordings_add_nothing(folder):
    assert with_noise(folder, torch.zeros(3, 4000)).abs().max() == 0
    (folder / "quiet").mkdir()
    soundfile.write(folder / "quiet" / "silence.wav", np.zeros(RATE), RATE)
    with pytest.raises(BirdlibError, match="noise: no sound in the 1 recordings of .*quiet; attach others"):
        with_noise(folder, clips(2), folder="quiet")


def test_broken_recordings_are_named_and_left_out(folder, capsys):
    (folder / "noises" / "broken.ogg").write_bytes(b"no audio")
    (folder / "noises" / "empty.wav").touch()
    (folder / "noises" / "notes.txt").write_text("not audio")
    (folder / "noises" / "._noise0.wav").write_bytes(b"of macOS")
    assert with_noise(folder, clips(4)).isfinite().all()
    printed = capsys.readouterr().out
    assert "2 recordings (" in printed and "left out" in printed and printed.count("\n") == 1
    assert "broken.ogg: cannot be read as audio" in printed and "empty.wav: the file is empty" in printed
    with_noise(folder, clips(4))
    assert capsys.readouterr().out == "", "once a process"


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_recordings_is_one_line(tmp_path, made):
    if made:
        (tmp_path / "noises").mkdir()
    with pytest.raises(BirdlibError, match="no sound in the 0 recordings") as error:
        with_noise(tmp_path, clips(2))
    assert "\n" not in str(error.value)


def test_recordings_of_other_rates_and_channels_become_the_clips(tmp_path):
    (tmp_path / "noises/deep/er").mkdir(parents=True)
    tone = np.sin(2 * np.pi * 1000 * np.arange(3 * 44100) / 44100)
    soundfile.write(tmp_path / "noises/deep/er/tone.flac", np.stack([tone, tone], 1) / 2, 44100)
    (piece,) = noise_pieces(tmp_path / "noises", RATE, 1.0)
    assert len(piece) == pytest.approx(3 * RATE, abs=2)
    spectrum = np.abs(np.fft.rfft(piece.numpy()))
    assert spectrum.argmax() * RATE / len(piece) == pytest.approx(1000, abs=1)


def test_no_more_minutes_are_kept_than_asked_for_and_they_come_from_all_recordings(tmp_path):
    write_noises(tmp_path / "here", RATE, [70.0, 70.0, 5.0])
    write_noises(tmp_path / "there", RATE, [70.0, 70.0, 5.0])
    whole = noise_pieces(tmp_path / "here", RATE, 60.0)
    assert sorted(round(len(piece) / RATE) for piece in whole) == [5, 10, 10, 30, 30, 30, 30]
    assert sum(map(len, whole)) == 145 * RATE
    first = noise_pieces(tmp_path / "here", RATE, 1.0)
    assert len({round(float(piece.std()), 2) for piece in first}) == len(first), "a piece of each"
    again = noise_pieces(tmp_path / "there", RATE, 1.0)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True)), "wherever the folder lies"


def test_the_recipe_names_an_attached_folder_or_one_of_the_competition(folder):
    step = read_steps([noise(folder="noises")])[0]
    for context in (
        ClipContext(None, folders={"noises": folder / "noises"}),
        ClipContext(None, competition=folder),
    ):
        drawn = step.draw((2, 400), generator(), AugmentationContext(RATE, context.audio))
        assert drawn["noise"].shape == (2, 400)
    nowhere = AugmentationContext(RATE, ClipContext(None, competition=Path("/nowhere")).audio)
    with pytest.raises(BirdlibError, match=r"^the folder 'noises' is not attached \(there is none\); name it in sour"):
        step.draw((2, 400), generator(), nowhere)
