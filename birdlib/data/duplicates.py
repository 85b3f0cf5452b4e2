"""Recordings that hold the very same audio."""

import pandas as pd

from birdlib.competition.rows import shown


def mark_duplicates(recordings: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Keeps one of the recordings with the same audio, the first; the others' labels become secondary ones of it.

    Without this a model would be validated on audio that it was trained on: the same upload is often found twice,
    now and then under two species.

    Args:
        recordings: columns filename, primary_label, secondary_labels, audio_sha256 ("" is never a duplicate), silent
            (bool; silence is like any other silence, and never a duplicate).

    Returns:
        The table with a column duplicate_of ("" or the filename that is kept), and what a person should know.
    """
    recordings = recordings.copy()
    first: dict[str, int] = {}  # fingerprint -> position
    copies: list[str] = []
    contradictions: list[str] = []
    duplicate_of = [""] * len(recordings)
    filenames, primary = recordings["filename"].tolist(), recordings["primary_label"].tolist()
    secondary = [labels.split() for labels in recordings["secondary_labels"]]
    fingerprints = recordings["audio_sha256"].where(~recordings["silent"], "")
    for position, fingerprint in enumerate(fingerprints):
        kept = first.setdefault(fingerprint, position)
        if not fingerprint or kept == position:
            continue
        duplicate_of[position] = filenames[kept]
        copies.append(f"{filenames[position]} = {filenames[kept]}")
        if primary[position] != primary[kept]:
            contradictions.append(copies[-1])
        merged = dict.fromkeys([*secondary[kept], primary[position], *secondary[position]])
        secondary[kept] = [label for label in merged if label != primary[kept]]
    recordings["secondary_labels"] = [" ".join(labels) for labels in secondary]
    recordings["duplicate_of"] = duplicate_of
    notes = []
    if copies:
        notes.append(f"{shown(copies, 'recording')} with the same audio as another one: left out")
    if contradictions:
        notes.append(f"{shown(contradictions, 'recording')} of these under another label: now a secondary label")
    return recordings, notes
