"""--submit hands the finished version to its code competition, once, and keeps the table of scores."""

import csv
import json

ME = "tester"
SUBMISSION = f"{ME}/pk-submission"
OUTPUTS = {
    "submission.csv": b"row_id\n",
    "cross_validation.json": json.dumps({"score": 0.7125, "name": "mean of 5"}).encode(),
}


def ready(command, server):
    server.script(SUBMISSION, outputs=OUTPUTS, times=None)
    assert command("--target", "train,export", "--push", "--wait").code == 0


def table(project):
    with open(project / "kernel_templates/leaderboard.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_finished_version_is_submitted_and_its_score_noted_beside_cv(command, kaggle_server, project):
    ready(command, kaggle_server)
    kaggle_server.score_polls, kaggle_server.score = 3, "0.83321"
    done = command("--target", "submission", "--push", "--wait", "--submit")
    assert done.code == 0, done.err
    (submission,) = kaggle_server.submissions
    assert (submission.kernel, submission.version, submission.file_name) == (SUBMISSION, 1, "submission.csv")
    assert "public score 0.83321" in done.err and "4 submissions left today" in done.err
    (row,) = table(project)
    assert (row["cv"], row["cv_of"], row["public"], row["kernel"]) == ("0.7125", "mean of 5", "0.83321", "submission")
    assert row["commit"] == "abc123" and row["competition"] == "birdclef-2023"


def test_a_version_is_submitted_once(command, kaggle_server, project):
    ready(command, kaggle_server)
    assert command("--target", "submission", "--push", "--wait", "--submit").code == 0
    assert command("--target", "submission", "--submit").code == 0
    assert len(kaggle_server.submissions) == len(table(project)) == 1


def test_an_answer_that_was_lost_does_not_cost_a_second_submission(command, kaggle_server, project):
    ready(command, kaggle_server)
    kaggle_server.fault("CreateCodeSubmission", cut="after")
    assert command("--target", "submission", "--push", "--wait", "--submit").code == 0
    assert len(kaggle_server.submissions) == 1


def test_no_submission_left_today_is_said_before_trying(command, kaggle_server):
    ready(command, kaggle_server)
    kaggle_server.add_competition("birdclef-2023", "BirdCLEF 2023", daily_limit=2, sent_before=2)
    done = command("--target", "submission", "--push", "--wait", "--submit")
    assert done.code == 1 and "no submission left today" in done.errors[0]
    assert not kaggle_server.calls_of("CreateCodeSubmission")


def test_a_submission_that_kaggle_cannot_score_is_an_error(command, kaggle_server):
    ready(command, kaggle_server)
    kaggle_server.script_submission(status="ERROR", error="Notebook Threw Exception")
    done = command("--target", "submission", "--push", "--wait", "--submit")
    assert done.code == 1 and "Notebook Threw Exception" in done.errors[0]


def test_a_kernel_without_the_file_is_refused(command, kaggle_server):
    kaggle_server.script(SUBMISSION, outputs={})
    assert command("--target", "train,export", "--push", "--wait").code == 0
    done = command("--target", "submission", "--push", "--wait", "--submit")
    assert done.code == 1 and len(done.errors) == 1


def test_only_kernels_that_submit_can_be_submitted(command, kaggle_server):
    done = command("--target", "train", "--submit")
    assert done.code == 1 and "submits" in done.errors[0]
    assert not kaggle_server.calls


def test_a_table_of_another_shape_is_not_touched(command, kaggle_server, project):
    ready(command, kaggle_server)
    path = project / "kernel_templates/leaderboard.csv"
    path.write_text("mine,own\n1,2\n")
    done = command("--target", "submission", "--push", "--wait", "--submit")
    assert done.code == 1 and "was not touched" in done.errors[0]
    assert path.read_text() == "mine,own\n1,2\n"
