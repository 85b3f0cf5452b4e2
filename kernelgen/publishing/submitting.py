"""Submitting a finished kernel to its code competition, and the table of its scores, kept beside the recipe."""

from __future__ import annotations

import csv
import io
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import KNOWN, PAGE, TWICE, Kaggle
from kernelgen.publishing.records import pushed_path
from kernelgen.publishing.runs import read_output, readable
from kernelgen.recipe.project import Kernel, Project
from kernelgen.writing import write_text

logger = logging.getLogger(__name__)

TABLE = "kernel_templates/leaderboard.csv"
COLUMNS = "submitted submission competition kernel version commit cv cv_of public private".split()
# What a kernel that submits may leave: {"score": 0.71, "name": "which score of what"}.
CROSS_VALIDATION = "cross_validation.json"


def submit(
    kaggle: Kaggle, project: Project, kernel: Kernel, out: Path, identity: str, version: int, commit: str
) -> None:
    """Submit a kernel's finished version, once, and note its scores beside those of cross-validation.

    A version that was submitted before, from here or elsewhere, is not submitted again: its score is waited for.
    """
    competition = competition_of(kernel)
    # By this it is known again in Kaggle's own list, whoever submitted it, and should the answer be lost.
    description = f"{kernel.name} v{version} of {identity}"
    # Two calls at once would submit it twice.
    with FileLock(pushed_path(out, kernel.name, identity).with_name(".lock")):
        reference, done = _submitted(kaggle, competition, description), "is submitted already"
        if not reference:
            limits = _allowance(kaggle, competition)
            # All of it is zero for somebody who has not submitted yet and so is in no team.
            if limits.num_total and not limits.num_allowed_now:
                made = f"no submission left today ({limits.num_today} made today)"
                raise KernelgenError(f"competition {competition}: {made}; try again after midnight UTC")
            description += f", commit {commit}"
            reference, done = _submit(kaggle, kernel, competition, identity, version, description), "is submitted"
        logger.info(f"submission {reference}: version {version} of kernel {identity} {done}")
    scored = _wait_for_score(kaggle, competition, reference)
    public, private = str(scored.public_score or ""), str(scored.private_score or "")
    logger.info(f"submission {reference}: public score {public or 'not shown'}, private {private or 'not shown'}")
    cv, cv_of = _cross_validation(kaggle, identity, version)
    date = (scored.date if isinstance(scored.date, datetime) else datetime.now(UTC)).strftime("%Y-%m-%d %H:%M")
    row = (date, str(reference), competition, kernel.name, str(version), commit, cv, cv_of, public, private)
    _note(project, dict(zip(COLUMNS, row, strict=True)))
    logger.info(f"{TABLE}: CV {cv or 'unknown'}, public {public or 'unknown'}")
    logger.info(f"{competition}: {_allowance(kaggle, competition).num_allowed_now} submissions left today")


def competition_of(kernel: Kernel) -> str:
    """The slug of the one competition whose data the kernel reads."""
    slugs = sorted({source.slug for source in kernel.attached if source.kind == "competition"})
    if len(slugs) != 1:
        names = ", ".join(slugs) or "none"
        raise KernelgenError(f"kernel {kernel.name}: --submit needs exactly one competition, and it attaches {names}")
    return slugs[0]


def _allowance(kaggle: Kaggle, competition: str) -> Any:
    """How much may be submitted, and was."""
    what, method = f"competition {competition}", "get_submission_limits"
    return kaggle.ask(what, method, lambda pages: pages[0], missing=TWICE, competition_name=competition)


def _submit(kaggle: Kaggle, kernel: Kernel, competition: str, identity: str, version: int, description: str) -> int:
    what = f"submission of kernel {identity} to {competition}"

    def act() -> int:
        answer = kaggle.competition_submit_code(kernel.submits, description, competition, identity, version, quiet=True)
        if not answer.ref and answer.message:
            reason = " ".join(str(answer.message).split())
            raise KernelgenError(f"{what}: Kaggle refused it: {reason}; correct that")
        if not int(answer.ref):
            raise LookupError("neither a number nor a reason")
        return int(answer.ref)

    return kaggle.use(what, act, lambda: _submitted(kaggle, competition, description))


def _submitted(kaggle: Kaggle, competition: str, description: str) -> int | None:
    """The number of the submission with this description, or that goes on after it."""
    for number, submission in _submissions(kaggle, competition).items():
        if f"{submission.description}, ".startswith(f"{description}, "):
            return number
    return None


def _submissions(kaggle: Kaggle, competition: str) -> dict[int, Any]:
    """By number, the newest first."""

    def read(pages: list[Any]) -> dict[int, Any]:
        return {int(one.ref): one for page in pages for one in page.submissions or [] if one.status.name}

    what = f"the submissions to {competition}"
    return kaggle.ask(what, "list_submissions", read, missing=KNOWN, competition_name=competition, page_size=PAGE)


def _wait_for_score(kaggle: Kaggle, competition: str, reference: int) -> Any:
    what = f"submission {reference}"

    def look() -> tuple[str, Any]:
        submission = _submissions(kaggle, competition).get(reference)
        if submission is None:
            return "not listed", None
        status = submission.status.name
        if status == "ERROR":
            reason = " ".join(str(submission.error_description or "no reason given").split())
            page = f"kaggle.com/competitions/{competition}"
            raise KernelgenError(f"{what}: Kaggle could not score it: {reason}; look at {page}")
        return status, submission if status == "COMPLETE" or submission.public_score else None

    return kaggle.wait_for(look, what)


def _cross_validation(kaggle: Kaggle, identity: str, version: int) -> tuple[str, str]:
    """What a kernel says of its own score: the score and its name, empty as far as they cannot be read."""
    try:
        document = json.loads(read_output(kaggle, identity, version, CROSS_VALIDATION) or "{}")
        return f"{float(document['score']):.4f}", readable(str(document.get("name", "")))
    except (KernelgenError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return "", ""


def read_table(project: Project) -> list[dict[str, str]]:
    """The rows of the table so far; a KernelgenError if the file there is another table."""
    path = project.root / TABLE
    if not path.exists():
        return []
    try:
        header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")), strict=True)
        if header != COLUMNS:
            raise ValueError
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows if row]
    except (OSError, ValueError, csv.Error):
        columns = ", ".join(COLUMNS)
        raise KernelgenError(f"{TABLE}: is no table of {columns}; move it away, it was not touched") from None


def _note(project: Project, row: dict[str, str]) -> None:
    """Add the row to the table, or put it in place of that of the same submission."""
    rows = [before for before in read_table(project) if before["submission"] != row["submission"]]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *(noted.values() for noted in [*rows, row])])
    write_text(project.root / TABLE, text.getvalue())
