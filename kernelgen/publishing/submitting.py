"""Submitting a finished kernel to its code competition, waiting for the score, keeping the table of scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle
from kernelgen.publishing.leaderboard import CROSS_VALIDATION, Row, append, read_cross_validation
from kernelgen.publishing.outputs import read_output
from kernelgen.publishing.records import PushedKernel, write_pushed
from kernelgen.publishing.waiting import wait_for
from kernelgen.recipe.project import Kernel, Project

PAGE = 100


def submit(
    kaggle: Kaggle,
    project: Project,
    kernel: Kernel,
    out: Path,
    identity: str,
    pushed: PushedKernel | None,
    commit: str,
    say: Callable[[str], None],
) -> None:
    """Submits the kernel's finished version, once, and notes its scores beside those of cross-validation.

    A version that was submitted before is not submitted again: its score is waited for.

    Raises:
        KernelgenError: it goes to no competition, the day's submissions are used up, or Kaggle refused it or could
            not score it.
    """
    competition = competition_of(kernel)
    version = pushed.version if pushed else _newest_version(kaggle, identity)
    reference = pushed.submissions.get(competition) if pushed else None
    if reference is None:
        check_allowance(kaggle, competition)
        reference = _submit(kaggle, kernel, competition, identity, version, commit)
        say(f"submission {reference}: version {version} of kernel {identity} to {competition}")
        if pushed:
            submissions = pushed.submissions | {competition: reference}
            write_pushed(out, kernel.name, replace(pushed, submissions=submissions))
    else:
        say(f"submission {reference}: version {version} of kernel {identity} is submitted already")
    scored = _wait_for_score(kaggle, competition, reference)
    public, private = scored.public_score or "", scored.private_score or ""
    left = _allowance(kaggle, competition)
    say(
        f"submission {reference}: public score {public or 'not shown'}"
        f"{f', private {private}' if private else ''}"
        f"{f'; {left.num_allowed_now} submissions left today' if left else ''}"
    )
    cross_validation = read_cross_validation(read_output(kaggle, identity, version, CROSS_VALIDATION))
    path = append(
        project,
        Row(
            submitted=_date(scored.date),
            submission=str(reference),
            competition=competition,
            kernel=kernel.name,
            version=str(version),
            commit=commit,
            cv=cross_validation.score,
            cv_of=cross_validation.name,
            public=public,
            private=private,
        ),
    )
    say(f"{path.relative_to(project.root)}: CV {cross_validation.score or 'unknown'}, public {public or 'unknown'}")


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
    """Raises KernelgenError where the day's submissions are used up."""
    limits = _allowance(kaggle, competition)
    # All of it is zero for somebody who has not submitted yet and so is in no team.
    if limits and limits.num_total and not limits.num_allowed_now:
        when = "ever" if limits.limited_by_total else "today"
        raise KernelgenError(
            f"competition {competition}: no submission left {when} ({limits.num_today} made today); "
            + ("nothing more can be submitted" if limits.limited_by_total else "try again after midnight UTC")
        )


def _allowance(kaggle: Kaggle, competition: str) -> Any:
    from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionLimitsRequest

    request = ApiGetSubmissionLimitsRequest()
    request.competition_name = competition
    return kaggle.ask_if_there(
        f"competition {competition}",
        lambda client: client.competitions.competition_api_client.get_submission_limits(request),
    )


def _newest_version(kaggle: Kaggle, identity: str) -> int:
    there = kaggle.kernel(identity)
    if there is None or not there.version:
        raise KernelgenError(f"kernel {identity}: is not on Kaggle; push it first")
    return there.version


def _submit(kaggle: Kaggle, kernel: Kernel, competition: str, identity: str, version: int, commit: str) -> int:
    from kagglesdk.competitions.types.competition_api_service import (
        ApiCreateCodeSubmissionRequest,
        ApiCreateCodeSubmissionResponse,
    )

    began = datetime.now(UTC)
    request = ApiCreateCodeSubmissionRequest()
    request.competition_name = competition
    request.kernel_owner, request.kernel_slug = identity.split("/")
    request.kernel_version = version
    request.file_name = kernel.submits
    # The time makes it one that can be found again, should the answer be lost.
    request.submission_description = f"{kernel.name} v{version}, commit {commit}, {began:%Y-%m-%d %H:%M:%S} UTC"

    def arrived() -> ApiCreateCodeSubmissionResponse | None:
        for one in _submissions(kaggle, competition):
            if one.description == request.submission_description:
                answer = ApiCreateCodeSubmissionResponse()
                answer.ref = one.ref
                return answer
        return None

    what = f"submission of kernel {identity} to {competition}"
    answer = kaggle.ask(
        what,
        lambda client: client.competitions.competition_api_client.create_code_submission(request),
        arrived=arrived,
    )
    if not answer.ref:
        raise KernelgenError(f"{what}: Kaggle refused it: {answer.message or 'no reason given'}; correct that")
    return answer.ref


def _submissions(kaggle: Kaggle, competition: str) -> list[Any]:
    from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

    request = ApiListSubmissionsRequest()
    request.competition_name = competition
    request.page_size = PAGE
    answer = kaggle.ask(
        f"the submissions to {competition}",
        lambda client: client.competitions.competition_api_client.list_submissions(request),
    )
    return [one for one in answer.submissions or [] if one]


def _wait_for_score(kaggle: Kaggle, competition: str, reference: int) -> Any:
    def look() -> tuple[str, Any]:
        found = next((one for one in _submissions(kaggle, competition) if one.ref == reference), None)
        if found is None:
            return "not listed yet", None
        if found.status.name == "ERROR":
            raise KernelgenError(
                f"submission {reference}: Kaggle could not score it: "
                f"{found.error_description or 'no reason given'}; look at kaggle.com/competitions/{competition}"
            )
        return found.status.name, found if found.status.name == "COMPLETE" else None

    return wait_for(look, f"submission {reference}")


def _date(value: datetime | None) -> str:
    return (value or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M")
