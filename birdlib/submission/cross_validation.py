"""What cross-validation says of an ensemble, beside the submission that the leaderboard will judge."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from birdlib.ensemble.members import Member
from birdlib.submission.reports import MemberReport


def write_cross_validation(path: Path, members: Sequence[Member], reports: Iterable[MemberReport]) -> float | None:
    """Write the mean of the scored models' own scores, as their manifest has them, as JSON; whole or not at all.

    Scores of different kinds do not mix: of the models whose score is of the kind that most have. The score of the
    ensemble itself would be higher; what counts is whether both move together.

    Returns:
        The mean; None, and no file, where no scored model has a score.
    """
    scored = {report.name for report in reports if report.outcome == "scored"}
    with_score = [one.entry for one in members if one.name in scored and one.entry.score is not None]
    path.unlink(missing_ok=True)
    if not with_score:
        return None
    (kind, _), *_ = Counter(entry.score_name for entry in with_score).most_common(1)
    alike = [entry for entry in with_score if entry.score_name == kind]
    mean = sum(entry.score for entry in alike) / len(alike)
    said = {"score": mean, "name": f"{kind}, mean of {len(alike)} of {len(scored)} models"}
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(draft, path)
    return mean
