"""The demo competition's truth, which only the scoring may see."""

from pathlib import Path

import pandas as pd

from birdlib.competition.editions import WINDOW_SECONDS
from birdlib.competition.rows import ROW_ID, split_row_id
from birdlib.competition.table import write_table
from birdlib.demo.competition import soundscape_row_ids
from birdlib.demo.songs import make_species
from birdlib.demo.soundscapes import plan_soundscapes

_AUDIBLE_SECONDS = 0.5  # a shorter piece of a song does not make a window positive


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
    unknown = set(training) - {"recordings_per_species", "broken_files"}
    if unknown:
        raise TypeError(f"make_truth() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    folder, birds = Path(folder), make_species(species)
    plans = plan_soundscapes(seed, birds, soundscapes, soundscape_seconds)
    folder.mkdir(parents=True, exist_ok=True)
    row_ids = soundscape_row_ids(plans)
    labels = pd.DataFrame(0, index=range(len(row_ids)), columns=sorted(bird.label for bird in birds))
    row_of = {split_row_id(row_id): row for row, row_id in enumerate(row_ids)}
    for plan in plans:
        for call in plan.calls:
            for end in range(WINDOW_SECONDS, plan.seconds + 1, WINDOW_SECONDS):
                heard = min(call.end, end) - max(call.start, end - WINDOW_SECONDS)
                if heard >= _AUDIBLE_SECONDS:
                    labels.loc[row_of[plan.stem, end], call.species.label] = 1
    labels.insert(0, ROW_ID, row_ids)
    events = [
        (plan.stem, call.start, call.end, call.species.label, call.snr_db) for plan in plans for call in plan.calls
    ]
    columns = ["soundscape", "start", "end", "primary_label", "snr_db"]
    write_table(pd.DataFrame(events, columns=columns), folder / "soundscape_events.csv")
    write_table(labels, folder / "soundscape_labels.csv")
    return folder / "soundscape_labels.csv"
