"""The blend on rows whose truth is known: the thresholds that suit it, and its score."""

import json
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from birdlib.ensemble.members import Member
from birdlib.errors import BirdlibError
from birdlib.metrics.decisions import DecisionMetric
from birdlib.metrics.intervals import Interval, ends_of, group_draws
from birdlib.metrics.metric import Metric
from birdlib.scores.pipeline import Scoring
from birdlib.scores.predictions import CLIPS, SOUNDSCAPES, Predictions
from birdlib.scores.score_table import ScoreTable
from birdlib.scores.thresholds import Thresholds, fit_thresholds, unseen_decisions
from birdlib.submission.preparation import HIGHEST_SCORE
from birdlib.weights.manifest import INT8, sha256

_ON = {SOUNDSCAPES: "labelled soundscapes", CLIPS: "clips out of fold"}


class BlendValidation:
    """The members' predictions of their validations, which came with their weights, as one blend.

    They are on labelled soundscapes if all members have such, else on what most have. Members of a fold have predicted
    its own clips only: a row is blended from the members that have it.

    Args:
        members: the ensemble; those without predictions are left out of the blend, and named.
        classes: of the submission, by name.
        scoring: the submission's own blend and post-processing.
        taxa: of the classes; None where the competition has no taxonomy.
        metric: the competition's.
        kind: of thresholds, "one", "per_class" or "" for what the metric usually has.
        on_fault: takes what goes wrong, and may raise it.
    """

    def __init__(
        self,
        members: Sequence[Member],
        classes: Sequence[str],
        *,
        scoring: Scoring,
        taxa: Sequence[str] | None,
        metric: Metric,
        kind: str,
        on_fault: Callable[[Exception], None],
    ) -> None:
        self.members, self.classes, self.scoring, self.taxa = list(members), list(classes), scoring, taxa
        self.metric, self.kind, self.on_fault = metric, kind, on_fault

    def thresholds(self, names: Sequence[str]) -> Thresholds:
        """The thresholds that suit the blend of these members; 0.5, and a line that says so, where nothing tells."""
        try:
            blended = self._blend(names)
            if blended is not None:
                truth, scores, counted, _ = blended
                return fit_thresholds(self.metric, truth, scores, self.kind, counted)
            print(f"No validation of {', '.join(names) or 'any model'} came with the weights: the thresholds are 0.5.")
        except Exception as error:
            self.on_fault(error)
        return Thresholds.constant(self.classes, 0.5)

    def write(self, path: Path, names: Sequence[str]) -> Interval | None:
        """Write what cross-validation says of the blend of these members as JSON; whole or not at all.

        Where labels are decided by thresholds, each row is decided by thresholds that were fitted on other groups.

        Returns:
            The score and its interval over groups; None, and no file, where it is not known.
        """
        path.unlink(missing_ok=True)
        blended = self._blend(names)
        if blended is None:
            return None
        truth, scores, counted, groups = blended
        copies = group_draws(groups)
        if isinstance(self.metric, DecisionMetric):
            decisions = unseen_decisions(self.metric, truth, scores, groups, self.kind, counted)
            value = self.metric.of_decisions(truth, decisions, counted)
            draws = self.metric.draws_of_decisions(truth, decisions, copies, counted)
        else:
            value = self.metric(truth, scores, counted)
            draws = self.metric.draws(truth, scores, copies, counted)
        if value is None:
            return None
        interval = Interval(value, *ends_of(draws))
        known = [name for name in names if name in self._predictions]
        lacking = [name for name in names if name not in self._predictions]
        plural = f"{len(known)} model{'' if len(known) == 1 else 's'}"
        facts = {
            "score": interval.value,
            "low": interval.low,
            "high": interval.high,
            "name": f"{self.metric.title} of the blend of {plural} on {_ON[self._kind]}"
            + (f", without {len(lacking)} that have no validation" if lacking else ""),
            "rows": len(truth),
            "groups": len(set(groups)),
            "members": known,
            "lacking": lacking,
            "stand_ins": {name: note for name in known if (note := self._note(name))},
        }
        draft = path.with_name(f".{path.name}.part")
        draft.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        os.replace(draft, path)
        return interval

    @cached_property
    def _kind(self) -> str:
        """What the members are judged on: soundscapes, or clips where more members have those."""
        count = {kind: sum(kind in (member.entry.validation or {}) for member in self.members) for kind in _ON}
        return max(_ON, key=count.get)

    @cached_property
    def _predictions(self) -> dict[str, Predictions]:
        """By member."""
        predictions = {}
        for member in self.members:
            expected = (member.entry.validation or {}).get(self._kind)
            if expected is None:
                continue
            path = member.xml.with_name(f"{member.name}.{self._kind}.npz")
            try:
                if not path.is_file() or sha256(path) != expected:
                    raise BirdlibError(f"{path}: missing or damaged; upload the weight dataset whole")
                predictions[member.name] = Predictions.load(path)
            except BirdlibError as error:
                self.on_fault(error)
        return predictions

    def _note(self, name: str) -> str:
        """Whose predictions stand in for a member's own; "" where they are its own."""
        precision = next(member.entry.precision for member in self.members if member.name == name)
        notes = [self._predictions[name].note, "of the float model" if precision == INT8 else ""]
        return ", ".join(note for note in notes if note)

    def _blend(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]] | None:
        """Blend and post-process the predictions of some members.

        Returns:
            truth bool, scores float64 and counted bool, [rows, classes] each, and the rows' groups; None where none of
            the members has predictions.
        """
        parts = [(name, self._predictions[name]) for name in names if name in self._predictions]
        if not parts:
            return None
        place = {
            row_id: at for at, row_id in enumerate(dict.fromkeys(row for _, part in parts for row in part.row_ids))
        }
        column = {label.strip(): number for number, label in enumerate(self.classes)}
        truth, counted = np.zeros((2, len(place), len(self.classes)), bool)
        groups: list[str] = [""] * len(place)
        tables = []
        for name, part in parts:
            rows = np.array([place[row_id] for row_id in part.row_ids])
            logits = np.full((len(place), len(part.classes)), np.nan, np.float32)
            logits[rows] = part.logits
            tables.append(ScoreTable(name, tuple(place), part.classes, logits))
            own = [number for number, label in enumerate(part.classes) if label in column]
            cells = np.ix_(rows, [column[part.classes[number]] for number in own])
            # Of members that disagree on a label, the first of most worth is believed.
            is_new = ~counted[cells] & (part.weights[:, own] > 0)
            truth[cells] |= is_new & (part.truth[:, own] > 0)
            counted[cells] |= is_new
            for row, group in zip(rows, part.groups, strict=True):
                groups[row] = group
        scores = self.scoring(tables, self.classes, self.taxa).astype(np.float64)
        counted &= ~np.isnan(scores)
        return truth, np.nan_to_num(scores, nan=0.0).clip(0, HIGHEST_SCORE), counted, groups
