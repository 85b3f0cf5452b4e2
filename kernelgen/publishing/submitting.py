"""Submitting a finished kernel to its code competition, waiting for the score, keeping the table of scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.publishing.client import Kaggle
from kernelgen.publishing.kernels import LOOK_AGAIN_SECONDS
from kernelgen.publishing.leaderboard import CROSS_VALIDATION, Row, append, read_cross_validation
from kernelgen.publishing.outputs import read_output
from kernelgen.publishing.records import pushed_folder, read_pushed, write_pushed
from kernelgen.publishing.taking_turns import in_turn
from kernelgen.publishing.waiting import Patience, wait_for
from kernelgen.recipe.project import Kernel, Project

PAGE = 100


def submit(
    kaggle: Kaggle,
    project: Project,
    kernel: Kernel,
    out: Path,
    identity: str,
    commit: str,
    say: Callable[[str], None],
) -> None:
    """Submits the kernel's finished version, once, and notes its scores beside those of cross-validation.

    A version that was submitted before, from here or elsewhere, is not submitted again: its score is waited for.

    Raises:
        KernelgenError: it goes to no competition, the day's submissions are used up, or Kaggle refused it or could
            not score it.
    """
    competition = competition_of(kernel)
    with in_turn(pushed_folder(out, kernel.name, identity), f"kernel {identity}", say):
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


def _submit(kaggle: Kaggle, kernel: Kernel, competition: str, identity: str, version: int, description: str) -> int:
    from kagglesdk.competitions.types.competition_api_service import (
        ApiCreateCodeSubmissionRequest,
        ApiCreateCodeSubmissionResponse,
    )

    request = ApiCreateCodeSubmissionRequest()
    request.competition_name = competition
    request.kernel_owner, request.kernel_slug = identity.split("/")
    request.kernel_version = version
    request.file_name = kernel.submits
    request.submission_description = description

    def arrived() -> ApiCreateCodeSubmissionResponse | None:
        for pause in LOOK_AGAIN_SECONDS:
            time.sleep(pause)
            if reference := _submitted(kaggle, competition, description):
                answer = ApiCreateCodeSubmissionResponse()
                answer.ref = reference
                return answer
        return None

    what = f"submission of kernel {identity} to {competition}"
    answer = kaggle.ask(
        what,
        lambda client: client.competitions.competition_api_client.create_code_submission(request),
        arrived=arrived,
    )
    if not answer.ref:
        said = " ".join((answer.message or "no reason given").split())
        raise KernelgenError(f"{what}: Kaggle refused it: {said}; correct that")
    return answer.ref


def _submitted(kaggle: Kaggle, competition: str, description: str) -> int | None:
    """The number of the submission with this description, or one that goes on after it."""
    for one in _submissions(kaggle, competition):
        if one.description == description or (one.description or "").startswith(f"{description}, "):
            return one.ref
    return None


def _submissions(kaggle: Kaggle, competition: str) -> Iterator[Any]:
    """The newest first, page after page."""
    from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

    token, seen = "", set[str]()
    while token not in seen:
        seen.add(token)
        request = ApiListSubmissionsRequest()
        request.competition_name = competition
        request.page_size = PAGE
        if token:
            request.page_token = token
        answer = kaggle.ask(
            f"the submissions to {competition}",
            lambda client, request=request: client.competitions.competition_api_client.list_submissions(request),
        )
        yield from (one for one in answer.submissions or [] if one)
        token = answer.next_page_token or ""


def _wait_for_score(kaggle: Kaggle, competition: str, reference: int) -> Any:
    listed = Patience(f"submission {reference}: Kaggle does not list it; look at kaggle.com/competitions/{competition}")

    def look() -> tuple[str, Any]:
        found = next((one for one in _submissions(kaggle, competition) if one.ref == reference), None)
        if listed.check(found) is None:
            return "not listed yet", None
        if found.status.name == "ERROR":
            said = " ".join((found.error_description or "no reason given").split())
            raise KernelgenError(
                f"submission {reference}: Kaggle could not score it: {said}; look at "
                f"kaggle.com/competitions/{competition}"
            )
        scored = found.status.name == "COMPLETE" or found.public_score
        return "COMPLETE" if scored else found.status.name, found if scored else None

    with kaggle.patiently():
        return wait_for(look, f"submission {reference}")


def _date(value: datetime | None) -> str:
    return (value or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M")
