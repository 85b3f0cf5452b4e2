"""Submitting a finished kernel to its code competition, waiting for the score, keeping the table of scores."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import KNOWN, PAGE, Kaggle, pages
from kernelgen.publishing.kernels import LOOK_AGAIN_SECONDS
from kernelgen.publishing.leaderboard import COLUMNS, CROSS_VALIDATION, append, read_cross_validation
from kernelgen.publishing.outputs import read_output
from kernelgen.publishing.records import locked, pushed_folder, read_pushed, write_pushed
from kernelgen.publishing.retrying import Refused
from kernelgen.recipe.project import Kernel, Project

if TYPE_CHECKING:
    from kernelgen.publishing.official_client import OfficialClient

logger = logging.getLogger(__name__)


def submit(kaggle: Kaggle, project: Project, kernel: Kernel, out: Path, identity: str, commit: str) -> None:
    """Submit the kernel's finished version, once, and note its scores beside those of cross-validation.

    A version that was submitted before, from here or elsewhere, is not submitted again: its score is waited for.
    """
    competition = competition_of(kernel)
    with locked(pushed_folder(out, kernel.name, identity), f"kernel {identity}"):
        pushed = read_pushed(out, kernel.name, identity)
        version = (pushed.version if pushed else None) or _newest_version(kaggle, identity)
        # It is known again by this, whoever submitted it, and should the answer be lost.
        description = f"{kernel.name} v{version} of {identity}"
        known = pushed.submissions.get(competition) if pushed else None
        reference = known or _submitted(kaggle, competition, description)
        if reference is None:
            _check_allowance(kaggle, competition)
            reference = _submit(kaggle, kernel, competition, identity, version, f"{description}, commit {commit}")
            logger.info(f"submission {reference}: version {version} of kernel {identity} to {competition}")
        else:
            logger.info(f"submission {reference}: version {version} of kernel {identity} is submitted already")
        if pushed:
            write_pushed(out, kernel.name, replace(pushed, submissions=pushed.submissions | {competition: reference}))
    scored = _wait_for_score(kaggle, competition, reference)
    limits = _allowance(kaggle, competition)
    public, private = str(scored.public_score or ""), str(scored.private_score or "")
    logger.info(
        f"submission {reference}: public score {public or 'not shown'}{f', private {private}' if private else ''}"
        f"{f'; {limits.num_allowed_now} submissions left today' if limits else ''}"
    )
    try:
        cv, cv_of = read_cross_validation(read_output(kaggle, identity, version, CROSS_VALIDATION))
    except KernelgenError as error:  # a score on Kaggle is not lost over it
        logger.warning(f"{error}; its cross-validation stays unknown")
        cv, cv_of = "", ""
    date = (scored.date if isinstance(scored.date, datetime) else datetime.now(UTC)).strftime("%Y-%m-%d %H:%M")
    texts = (date, str(reference), competition, kernel.name, str(version), commit, cv, cv_of, public, private)
    path = append(project, dict(zip(COLUMNS, texts, strict=True)))
    logger.info(f"{path.relative_to(project.root)}: CV {cv or 'unknown'}, public {public or 'unknown'}")


def competition_of(kernel: Kernel) -> str:
    """The slug of the one competition whose data the kernel reads."""
    slugs = sorted({source.slug for source in kernel.attached if source.kind == "competition"})
    if len(slugs) != 1:
        names = f"{len(slugs)} competitions ({', '.join(slugs)})" if slugs else "no competition"
        raise KernelgenError(f"kernel {kernel.name}: attaches {names}; --submit needs exactly one")
    return slugs[0]


def _check_allowance(kaggle: Kaggle, competition: str) -> None:
    """Raise KernelgenError where the day's submissions are used up."""
    limits = _allowance(kaggle, competition)
    # All of it is zero for somebody who has not submitted yet and so is in no team.
    if limits and limits.num_total and not limits.num_allowed_now:
        when, then = (
            ("ever", "none can be made") if limits.limited_by_total else ("today", "try again after midnight UTC")
        )
        raise KernelgenError(
            f"competition {competition}: no submission left {when} ({limits.num_today} made today); {then}"
        )


def _allowance(kaggle: Kaggle, competition: str) -> Any:
    """How much may be submitted; None where Kaggle does not tell, which stops nobody."""
    request = kaggle.request("ApiGetSubmissionLimitsRequest", competition_name=competition)
    try:
        return kaggle.ask(
            f"competition {competition}",
            lambda client: client.competitions.competition_api_client.get_submission_limits(request),
        )
    except Refused as error:
        logger.warning(f"{error}")
        return None


def _newest_version(kaggle: Kaggle, identity: str) -> int:
    there = kaggle.kernel(identity)
    if there is None:
        raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
    return there.version


def _submit(kaggle: Kaggle, kernel: Kernel, competition: str, identity: str, version: int, description: str) -> int:
    what = f"submission of kernel {identity} to {competition}"

    def act(client: OfficialClient) -> int:
        answer = client.competition_submit_code(kernel.submits, description, competition, identity, version, quiet=True)
        if not answer.ref and answer.message:
            reason = " ".join(str(answer.message).split())
            raise KernelgenError(f"{what}: Kaggle refused it: {reason}; correct that")
        if not int(answer.ref):
            raise LookupError("neither a number nor a reason")
        return int(answer.ref)

    def arrived() -> int | None:
        for pause in LOOK_AGAIN_SECONDS:
            time.sleep(pause)
            if reference := _submitted(kaggle, competition, description):
                return reference
        return None

    return kaggle.send(what, act, arrived=arrived)


def _submitted(kaggle: Kaggle, competition: str, description: str) -> int | None:
    """The number of the submission with this description, or that goes on after it."""
    for submission in _submissions(kaggle, competition):
        if f"{submission.description}, ".startswith(f"{description}, "):
            return int(submission.ref)
    return None


def _submissions(kaggle: Kaggle, competition: str, expected: int | None = None) -> list[Any]:
    """The newest first; a list without the ``expected`` number is an odd answer, and asked for again."""
    request = kaggle.request("ApiListSubmissionsRequest", competition_name=competition, page_size=PAGE)

    def read(client: Any) -> list[Any]:
        listed = pages(client.competitions.competition_api_client.list_submissions, request)
        submissions = [submission for page in listed for submission in page.submissions or [] if submission]
        states = {int(submission.ref): submission.status.name for submission in submissions}
        if expected and expected not in states:
            raise LookupError(f"submission {expected} is not listed")
        return submissions

    return kaggle.ask(f"the submissions to {competition}", read, KNOWN if expected else 1)


def _wait_for_score(kaggle: Kaggle, competition: str, reference: int) -> Any:
    def look() -> tuple[str, Any]:
        listed = _submissions(kaggle, competition, reference)
        (submission,) = (submission for submission in listed if submission.ref == reference)
        status = submission.status.name
        if status == "ERROR":
            reason = " ".join(str(submission.error_description or "no reason given").split())
            raise KernelgenError(
                f"submission {reference}: Kaggle could not score it: {reason}; look at "
                f"kaggle.com/competitions/{competition}"
            )
        return status, submission if status == "COMPLETE" or submission.public_score else None

    return kaggle.wait_for(look, f"submission {reference}")
