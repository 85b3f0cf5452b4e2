"""A stand-in for an outside model, and a few recordings for it."""

import numpy as np
import pytest
import soundfile

from birdlib.outside_models.stand_in import StandIn

NAMES = ("Corvus corax", "Apus apus", "Sylvia communis")


def tone(seconds, frequency, rate=32000):
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.fixture
def model(tmp_path):
    return StandIn(title="stand-in", labels=NAMES).load(tmp_path)


@pytest.fixture
def competition(tmp_path):
    """Three classes with two recordings each, of 7 s, one of them broken; and a soundscape of 12 s."""
    folder = tmp_path / "competition"
    lines = ["primary_label,secondary_labels,author,scientific_name,filename"]
    for place, label in enumerate(("comrav", "comswi", "grewhi1")):
        (folder / "train_audio" / label).mkdir(parents=True)
        for number in range(2):
            name = f"{label}/XC{place}{number}.ogg"
            soundfile.write(folder / "train_audio" / name, tone(7, 600 + 900 * place), 32000)
            scientific = ("Corvus corax", "Apus apus", "Curruca communis")[place]
            lines.append(f"{label},[],person {place}{number},{scientific},{name}")
    (folder / "train_audio" / "comswi" / "XC11.ogg").write_bytes(b"no audio")
    (folder / "train_metadata.csv").write_text("\n".join(lines) + "\n")
    (folder / "sample_submission.csv").write_text("row_id,comrav,comswi,grewhi1\na_5,0,0,0\n")
    (folder / "train_soundscapes").mkdir()
    soundfile.write(folder / "train_soundscapes" / "site_1.ogg", tone(12, 600), 32000)
    return folder
