"""The ensemble's table: the models' score tables, and what blend and post-processing make of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from birdlib.errors import BirdlibError
from birdlib.scores.pipeline import Scoring
from birdlib.scores.score_table import ScoreTable
from birdlib.scores.weighted_mean import weighted_mean
from birdlib.submission.reports import MemberReport
from birdlib.submission.run import Run

PLAIN_MEAN = Scoring(weighted_mean, {}, ())


class EnsembleTable:
    """The scores of all models so far, over the same rows.

    Args:
        scoring: blend and post-processing; None for the plain mean of the probabilities.
        taxa: of the classes; None where the competition has no taxonomy.
        missing_score: of classes that no model knows, and of rows without audio.
        folder: that each model's score table is kept in.
    """

    def __init__(
        self,
        run: Run,
        row_ids: Sequence[str],
        classes: Sequence[str],
        *,
        scoring: Scoring | None = None,
        taxa: Sequence[str] | None = None,
        missing_score: float = 0.0,
        folder: Path = Path("scores"),
    ) -> None:
        self.run = run
        self.row_ids, self.classes = tuple(row_ids), tuple(classes)
        self.scoring, self.taxa, self.missing_score, self.folder = scoring or PLAIN_MEAN, taxa, missing_score, folder
        self.tables: list[ScoreTable] = []
        self.reports: list[MemberReport] = []
        self._scores = np.full((len(self.row_ids), len(self.classes)), missing_score, np.float32)

    @property
    def scored_rows(self) -> np.ndarray:
        """The rows that a model scored, bool [rows]."""
        return np.logical_or.reduce([table.scored for table in self.tables] or [np.zeros(len(self.row_ids), bool)])

    def scores(self) -> np.ndarray:
        """The finished ensemble so far, float32 [rows, classes]."""
        return self._scores

    def add(self, name: str, classes: Sequence[str], logits: np.ndarray, unreached: np.ndarray | None = None) -> None:
        """Keep a model's score table, and blend and post-process all there are.

        In the hidden rerun a blend or step that fails costs itself only: the table is then the plain mean.

        Args:
            classes: of the logits, float32 [rows, classes]; NaN in rows without audio.
            unreached: int [n], rows of recordings that there was no time for. Each class gets its mean score there:
                it is what may be expected of a row that nobody scored, and ranks it above the windows that seem to be
                without the class. The missing_score would rank it below all of them.
        """
        table = ScoreTable(name, self.row_ids, tuple(classes), logits)
        try:
            table.save(self.folder / f"{name}.npz")
        except OSError as error:  # it is in memory as well
            self.run.fault(BirdlibError(f"{self.folder}/{name}.npz: cannot be written ({error.strerror})"))
        self.tables.append(table)
        try:
            scores = self.scoring(self.tables, self.classes, self.taxa)
        except Exception as error:
            self.run.fault(error, "Blend and post-process")
            scores = PLAIN_MEAN(self.tables, self.classes)
        if unreached is not None and len(unreached):
            known = ~np.isnan(scores)
            total = np.where(known, scores, 0).sum(axis=0, dtype=np.float64)
            count = known.sum(axis=0)
            scores[unreached] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        self._scores = np.where(np.isnan(scores), np.float32(self.missing_score), scores)
