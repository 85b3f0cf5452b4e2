"""Code competitions: a finished notebook is handed in and scored some time later."""

from __future__ import annotations

from .errors import Refusal
from .records import Competition, Submission, now, timestamp


class Competitions:
    """The endpoints of competitions.CompetitionApiService that submitting needs."""

    def __init__(self, server):
        self.server = server
        self.competitions: dict[str, Competition] = {}
        self.submissions: list[Submission] = []
        self.ends: list[dict] = []

    def _found(self, body: dict) -> Competition:
        competition = self.competitions.get(body.get("competitionName", ""))
        if competition is None:
            raise Refusal(404, "Not found")
        if not competition.joined:
            raise Refusal(403, "Permission 'competitions.participate' was denied")
        return competition

    def _limits(self, competition: Competition) -> dict:
        mine = [one for one in self.submissions if one.competition == competition.slug]
        today = sum(one.date.date() == now().date() for one in mine) + competition.sent_before
        total = len(mine) + competition.sent_before
        left, limited = competition.daily_limit - today, False
        if competition.total_limit is not None and competition.total_limit - total < left:
            left, limited = competition.total_limit - total, True
        return {"numToday": today, "numTotal": total, "numAllowedNow": max(0, left), "limitedByTotal": limited}

    def GetSubmissionLimits(self, body: dict, user: str) -> dict:
        return self._limits(self._found(body))

    def CreateCodeSubmission(self, body: dict, user: str) -> dict:
        server, competition = self.server, self._found(body)
        if not self._limits(competition)["numAllowedNow"]:
            raise Refusal(
                400,
                "Submission not allowed:  Your team has used its daily Submission allowance. Please try again tomorrow.",
            )
        kernel = server.kernels.get(f"{body.get('kernelOwner')}/{body.get('kernelSlug')}")
        number = body.get("kernelVersion")
        if kernel is None or not server.accounts.may_write(user, kernel.owner):
            raise Refusal(400, "Could not find provided notebook")
        if number is not None and not 1 <= number <= len(kernel.versions):
            raise Refusal(400, "Could not find provided notebook version")
        version = kernel.versions[-1 if number is None else number - 1]
        name = body.get("fileName")
        if version.status != "COMPLETE":
            raise Refusal(400, "Submission not allowed:  The notebook version has not finished running successfully.")
        if not name or name not in version.outputs:
            raise Refusal(400, f"Submission not allowed:  Could not find file {name} in the output of the notebook.")
        if competition.slug not in version.request.get("competitionDataSources", []):
            raise Refusal(400, "Submission not allowed:  The competition's data is not attached to the notebook.")
        if version.request.get("enableInternet") and not competition.internet:
            raise Refusal(
                400,
                "Submission not allowed:  Your Notebook cannot use internet access in this competition. "
                "Please disable internet in the Notebook editor and save a new version.",
            )
        end = self.ends.pop(0) if self.ends else {}
        submission = Submission(
            ref=40_000_000 + server.next_number(),
            competition=competition.slug,
            kernel=kernel.ref,
            version=version.number,
            file_name=name,
            description=body.get("submissionDescription") or "",
            user=user,
            end=end.get("status", "COMPLETE"),
            score=end.get("score", server.score),
            private_score=end.get("private_score", ""),
            error=end.get("error", ""),
            polls=server.score_polls if end.get("polls") is None else end["polls"],
        )
        if server.on_submission is not None and not end:
            submission.score = str(server.on_submission(submission, version))
        self.submissions.append(submission)
        return {"message": f"Successfully submitted to {competition.title}", "ref": submission.ref}

    def _shown(self, submission: Submission) -> dict:
        if submission.status == "PENDING":
            if submission.polled >= submission.polls:
                submission.status = submission.end
            submission.polled += 1
        complete, failed = submission.status == "COMPLETE", submission.status == "ERROR"
        return {
            "ref": submission.ref,
            "totalBytes": 0,
            "date": timestamp(submission.date),
            "description": submission.description,
            "errorDescription": submission.error if failed else "",
            "fileName": submission.file_name,
            "publicScore": submission.score if complete else "",
            "privateScore": submission.private_score if complete else "",
            "status": submission.status,
            "submittedBy": submission.user,
            "submittedByRef": submission.user,
            "teamName": submission.user,
            "url": f"https://www.kaggle.com/submissions/{submission.ref}",
        }

    def ListSubmissions(self, body: dict, user: str) -> dict:
        competition = self._found(body)
        mine = [one for one in reversed(self.submissions) if one.competition == competition.slug]
        wanted = body.get("group", "SUBMISSION_GROUP_ALL")
        if wanted == "SUBMISSION_GROUP_SUCCESSFUL":
            mine = [one for one in mine if one.status == "COMPLETE"]
        shown, token = self.server.page(mine, body, 20)
        return {"submissions": [self._shown(one) for one in shown], "nextPageToken": token}

    def GetSubmission(self, body: dict, user: str) -> dict:
        for submission in self.submissions:
            if submission.ref == body.get("ref"):
                return self._shown(submission)
        raise Refusal(404, "Not found")
