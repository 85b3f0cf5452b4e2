"""Small folders in the shape of two years, whose classes go by other names in the other year."""

import csv
import json
from pathlib import Path

from .conftest import record

OURS = {"amecro": "Corvus brachyrhynchos", "comrav": "Corvus corax", "eurgre1": "Chloris chloris"}
# The same label, the same scientific name, a synonym of it, and a stranger.
THEIRS = {"amecro": "", "corcor": "Corvus  Corax", "grefin": "Carduelis chloris", "eurmag": "Pica pica"}


def write(path: Path, *rows: tuple) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def make_year(root: Path, names: dict[str, str], recordings: list[tuple], *, form: str = "windows") -> Path:
    """A competition's folder: of 2023, or with form "targets" of 2022.

    recordings: label, stem, author, seed of the audio, and secondary labels.
    """
    rows = [("primary_label", "secondary_labels", "scientific_name", "author", "filename")]
    for label, stem, author, seed, *secondary in recordings:
        filename = f"{label}/{stem}.wav"
        record(root / "train_audio" / filename, 2 + seed % 5, seed)
        rows.append((label, str(secondary), names[label], author, filename))
    write(root / "train_metadata.csv", *rows)
    if form == "targets":
        (root / "scored_birds.json").write_text(json.dumps(sorted(names)[:2]))
        write(root / "sample_submission.csv", ("row_id", "target"), ("soundscape_1_amecro_5", "False"))
    else:
        write(root / "sample_submission.csv", ("row_id", *names), ("soundscape_1_5", *[0.5] * len(names)))
    return root
