"""Recordings from elsewhere, with a table of their labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from birdlib.audio.recordings import probe
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.competition.rows import one_line, shown
from birdlib.data.clip_table import ClipTable
from birdlib.data.labels import parse_labels
from birdlib.errors import BirdlibError


@dataclass(frozen=True)
class LabelledFolder:
    """Recordings of an attached folder: more of xeno-canto, or another year's.

    The table is CSV with the columns ``filename`` (a path below the folder) and ``primary_label``, and if there are
    any ``secondary_labels`` (as the competition writes them) and ``author``. Labels that are no class are left out,
    and so is a recording without any other, or that cannot be read; both are counted.

    Attributes:
        folder: which of the attached folders.
        table: a file of it.
        weight: for samplers that draw by it.
    """

    folder: str
    table_file: str = "labels.csv"
    weight: float = 1.0

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """All of it, whatever the fold.

        Raises:
            BirdlibError: the folder or the table is missing, or nothing of it can be used.
        """
        root = context.folder(self.folder)
        labels = _read(root / self.table_file)
        place = {label: number for number, label in enumerate(context.prepared.classes)}
        rows, targets, unknown, broken = [], [], set(), []
        for number, row in enumerate(labels.itertuples()):
            names = [row.primary_label, *parse_labels(getattr(row, "secondary_labels", ""))]
            unknown |= {name for name in names if name not in place}
            known = [place[name] for name in names if name in place]
            if not known:
                continue
            path = root / row.filename
            try:
                info = probe(path)
            except BirdlibError as error:
                broken.append(str(error))
                continue
            author = getattr(row, "author", "") or self.folder
            rows.append((path, number, info.seconds, info.sample_rate, info.channels, author))
            targets.append(np.bincount(known, minlength=len(place)) > 0)
        for what, names in (("label", sorted(unknown)), ("recording", broken)):
            if names:
                told = "of no class" if what == "label" else "that cannot be read"
                print(f"{root / self.table_file}: {shown(names, what)} {told}: left out", flush=True)
        if not rows:
            raise BirdlibError(f"{root / self.table_file}: no recording of it can be used; see above")
        columns = ["path", "number", "seconds", "sample_rate", "channels", "group"]
        table = pd.DataFrame(rows, columns=columns)
        table = table.assign(
            first=0.0, recording_seconds=table["seconds"], cached=-1, weight=self.weight, source=self.folder
        )
        labels_of = np.stack(targets).astype(np.float16)
        return ClipTable(context.prepared.classes, table, labels_of, np.ones(labels_of.shape, bool), look_again=probe)


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise BirdlibError(f"{path}: not readable as a table of labels ({one_line(error)})") from None
    if missing := [name for name in ("filename", "primary_label") if name not in table]:
        raise BirdlibError(f"{path}: the columns {', '.join(missing)} are missing; it has {', '.join(table.columns)}")
    return table
