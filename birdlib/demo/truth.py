"""The demo competition's truth, which only the scoring may see."""

from pathlib import Path

import pandas as pd

from birdlib.competition.table import write_table
from birdlib.demo.songs import make_species
from birdlib.demo.soundscapes import plan_soundscapes, window_labels


def make_truth(
    folder: Path | str,
    *,
    seed: int = 0,
    species: int = 12,
    soundscapes: int = 3,
    soundscape_seconds: int = 60,
    **training: int,
) -> Path:
    """Writes `soundscape_labels.csv` (the rows and columns of the submission, 0 or 1) and
    `soundscape_events.csv` (soundscape, start, end, primary_label, snr_db), without needing the audio.

    Takes the settings of `make_competition`, those for the training recordings among them, and returns the
    path of the labels. Raises BirdlibError for settings that make no competition.
    """
    unknown = set(training) - {"recordings_per_species", "broken_files", "labelled_soundscapes"}
    if unknown:
        raise TypeError(f"make_truth() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    folder, birds = Path(folder), make_species(species)
    plans = plan_soundscapes(seed, birds, soundscapes, soundscape_seconds)
    folder.mkdir(parents=True, exist_ok=True)
    labels = window_labels(plans, birds)
    events = [
        (plan.stem, call.start, call.end, call.species.label, call.snr_db) for plan in plans for call in plan.calls
    ]
    columns = ["soundscape", "start", "end", "primary_label", "snr_db"]
    write_table(pd.DataFrame(events, columns=columns), folder / "soundscape_events.csv")
    write_table(labels, folder / "soundscape_labels.csv")
    return folder / "soundscape_labels.csv"
