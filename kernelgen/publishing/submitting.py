"""Submitting a finished kernel to its code competition, waiting for the score, keeping the table of scores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import PAGE, Kaggle, pages
from kernelgen.publishing.kernels import LOOK_AGAIN_SECONDS
from kernelgen.publishing.leaderboard import CROSS_VALIDATION, CrossValidation, Row, append, read_cross_validation
from kernelgen.publishing.locking import locked
from kernelgen.publishing.outputs import read_output
from kernelgen.publishing.records import pushed_folder, read_pushed, write_pushed
from kernelgen.publishing.refusals import Refused
from kernelgen.publishing.waiting import wait_for
from kernelgen.recipe.project import Kernel, Project

if TYPE_CHECKING:
    from kernelgen.publishing.official_client import OfficialClient


@dataclass(frozen=True)
class Submission:
    """A submission as Kaggle lists it: PENDING, COMPLETE or ERROR; its scores are "" as long as there are none."""

    reference: int
    status: str
    description: str
    date: str
    public: str
    private: str
    error: str


def submit(
    kaggle: Kaggle,
    project: Project,
    kernel: Kernel,
    out: Path,
    identity: str,
    commit: str,
    say: Callable[[str], None],
) -> None:
    """Submit the kernel's finished version, once, and note its scores beside those of cross-validation.

    A version that was submitted before, from here or elsewhere, is not submitted again: its score is waited for.

    Raises:
        KernelgenError: it goes to no competition, the day's submissions are used up, or Kaggle refused it or could
            not score it.
    """
    competition = competition_of(kernel)
    with locked(pushed_folder(out, kernel.name, identity), f"kernel {identity}", say):
        pushed = read_pushed(out, kernel.name, identity)
        version = (pushed.version if pushed else None) or _newest_version(kaggle, identity)
        reference = pushed.submissions.get(competition) if pushed else None
        # It is known again by this, whoever submitted it, and should the answer be lost.
        description = f"{kernel.name} v{version} of {identity}"
        reference = reference or _submitted(kaggle, competition, description)
        if reference is None:
            check_allowance(kaggle, competition)
            reference = _submit(kaggle, kernel, competition, identity, version, f"{description}, commit {commit}")
            say(f"submission {reference}: version {version} of kernel {identity} to {competition}")
        else:
            say(f"submission {reference}: version {version} of kernel {identity} is submitted already")
        if pushed:
            write_pushed(out, kernel.name, replace(pushed, submissions=pushed.submissions | {competition: reference}))
    scored = _wait_for_score(kaggle, competition, reference)
    limits = _allowance(kaggle, competition)
    say(
        f"submission {reference}: public score {scored.public or 'not shown'}"
        f"{f', private {scored.private}' if scored.private else ''}"
        f"{f'; {limits.num_allowed_now} submissions left today' if limits else ''}"
    )
    cross_validation = _cross_validation(kaggle, identity, version, say)
    path = append(
        project,
        Row(
            submitted=scored.date,
            submission=str(reference),
            competition=competition,
            kernel=kernel.name,
            version=str(version),
            commit=commit,
            cv=cross_validation.score,
            cv_of=cross_validation.name,
            public=scored.public,
            private=scored.private,
        ),
    )
    say(
        f"{path.relative_to(project.root)}: CV {cross_validation.score or 'unknown'}, "
        f"public {scored.public or 'unknown'}"
    )


def competition_of(kernel: Kernel) -> str:
    """The slug of the competition whose data the kernel reads.

    Raises:
        KernelgenError: there is none, or more than one.
    """
    slugs = sorted({source.slug for source in kernel.attached if source.kind == "competition"})
    if len(slugs) != 1:
        names = f"{len(slugs)} competitions ({', '.join(slugs)})" if slugs else "no competition"
        raise KernelgenError(f"kernel {kernel.name}: attaches {names}; --submit needs exactly one")
    return slugs[0]


def check_allowance(kaggle: Kaggle, competition: str) -> None:
    """Raise KernelgenError where the day's submissions are used up."""
    limits = _allowance(kaggle, competition)
    # All of it is zero for somebody who has not submitted yet and so is in no team.
    if limits and limits.num_total and not limits.num_allowed_now:
        when = "ever" if limits.limited_by_total else "today"
        raise KernelgenError(
            f"competition {competition}: no submission left {when} ({limits.num_today} made today); "
            + ("nothing more can be submitted" if limits.limited_by_total else "try again after midnight UTC")
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
        kaggle.say(f"note: {error}")
        return None


def _cross_validation(kaggle: Kaggle, identity: str, version: int, say: Callable[[str], None]) -> CrossValidation:
    """What the version says of its own score; a score on Kaggle is not lost over it."""
    try:
        return read_cross_validation(read_output(kaggle, identity, version, CROSS_VALIDATION))
    except KernelgenError as error:
        say(f"note: {error}; its cross-validation stays unknown")
        return CrossValidation()


def _newest_version(kaggle: Kaggle, identity: str) -> int:
    there = kaggle.kernel(identity)
    if there is None or not there.version:
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
    """The number of the submission with this description, or one that goes on after it."""
    for submission in _submissions(kaggle, competition):
        if submission.description == description or submission.description.startswith(f"{description}, "):
            return submission.reference
    return None


def _submissions(kaggle: Kaggle, competition: str) -> list[Submission]:
    """The newest first."""
    request = kaggle.request("ApiListSubmissionsRequest", competition_name=competition, page_size=PAGE)

    def read(client: Any) -> list[Submission]:
        listed = pages(client.competitions.competition_api_client.list_submissions, request)
        return [_read(submission) for page in listed for submission in page.submissions or [] if submission]

    return kaggle.ask(f"the submissions to {competition}", read)


def _read(listed: Any) -> Submission:
    date = listed.date if isinstance(listed.date, datetime) else datetime.now(UTC)
    return Submission(
        reference=int(listed.ref),
        status=str(listed.status.name),
        description=str(listed.description or ""),
        date=date.strftime("%Y-%m-%d %H:%M"),
        public=str(listed.public_score or ""),
        private=str(listed.private_score or ""),
        error=" ".join(str(listed.error_description or "no reason given").split()),
    )


def _wait_for_score(kaggle: Kaggle, competition: str, reference: int) -> Submission:
    page = f"look at kaggle.com/competitions/{competition}"

    def look() -> tuple[str, Submission | None]:
        found = next((one for one in _submissions(kaggle, competition) if one.reference == reference), None)
        if found is None:
            raise Refused(f"submission {reference}: Kaggle does not list it; {page}", 404)
        if found.status == "ERROR":
            raise KernelgenError(f"submission {reference}: Kaggle could not score it: {found.error}; {page}")
        scored = found.status == "COMPLETE" or found.public
        return "COMPLETE" if scored else found.status, found if scored else None

    scored = wait_for(kaggle, look, f"submission {reference}")
    assert scored is not None  # there is no limit
    return scored
