"""An answer that makes no sense (a proxy's page, a cut body, an unknown word) costs no wait of hours and no file."""

import json

import pytest

ME = "tester"
TRAIN, SUBMISSION = f"{ME}/pk-train", f"{ME}/pk-submission"
JSON = "application/json"
# What is asked while runs, datasets and scores are waited for, and when files are fetched.
ASKED_WHILE_WAITING = (
    "GetKernel",
    "GetKernelSessionStatus",
    "ListKernelSessionOutput",
    "GetFile",
    "GetDataset",
    "GetDatasetStatus",
    "ListDatasetFiles",
    "ListSubmissions",
    "GetSubmissionLimits",
)
ODD_ANSWERS = {
    "a page with status 200": {"body": "<html>maintenance</html>"},
    "a page with status 404": {"status": 404, "body": "<html>gone</html>"},
    "404": {"status": 404},
    "403": {"status": 403},
    "a proxy's status": {"status": 522, "body": "<html>timed out</html>"},
    "nothing": {"body": b"", "content_type": JSON},
    "a list": {"body": "[]", "content_type": JSON},
    "null": {"body": "null", "content_type": JSON},
    "half of the JSON": {"body": '{"status": "RUN', "content_type": JSON},
    "no gzip": {"body": b"\x1f\x8b\x08garbage", "headers": {"Content-Encoding": "gzip"}},
    "an error with status 200": {"body": '{"code": 500, "message": "oops"}', "content_type": JSON},
    "an error without words": {"body": '{"code": 500}', "content_type": JSON},
    "an unknown state": {"override": {"status": "PAUSED"}},
    "other types": {"override": {"status": 5, "files": "abc", "metadata": [], "submissions": 3, "datasetFiles": 5}},
    "a redirect to a page": {"status": 302, "body": b"", "headers": {"Location": "http://localhost/login"}},
}


@pytest.fixture
def whole_way(command, kaggle_server):
    """Push, wait, fetch, submit, with runs that leave files."""
    kaggle_server.run_polls = kaggle_server.score_polls = kaggle_server.ready_after_polls = 2
    kaggle_server.script(TRAIN, outputs={"a.bin": b"a", "weights.bin": b"w" * 3000}, times=None)
    kaggle_server.script(SUBMISSION, outputs={"submission.csv": b"row_id\n"}, times=None)
    asked = ("--target", "train,export,submission", "--push", "--wait", "--output", "--submit")
    return lambda: command(*asked)


@pytest.mark.parametrize("odd", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_one_odd_answer_to_each_request_ends_no_wait(whole_way, kaggle_server, project, odd):
    for endpoint in ASKED_WHILE_WAITING:
        kaggle_server.fault(endpoint, skip=1, **odd)
    done = whole_way()
    assert done.code == 0, done.err
    assert [len(kernel.versions) for kernel in kaggle_server.kernels.values()] == [1, 1, 1]
    assert len(kaggle_server.submissions) == 1
    assert (project / "build/train/output/weights.bin").read_bytes() == b"w" * 3000
    assert "0.80000" in (project / "kernel_templates/leaderboard.csv").read_text()
    if "Location" in odd.get("headers", {}):
        kaggle_server.violations.clear()  # the redirects were followed


def test_a_server_that_stops_within_its_answer_is_asked_again(command, kaggle_server, monkeypatch):
    from kernelgen.publishing import client

    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.5)
    kaggle_server.fault("GetKernelSessionStatus", body='{"sta', content_type=JSON, headers={"Content-Length": "500"})
    assert command("--target", "train", "--push", "--wait").code == 0


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"body": "<html>"}, "Kaggle's answer makes no sense (JSONDecodeError); try again later"),
        ({"override": {"status": "PAUSED"}}, "makes no sense (KeyError)"),
        ({"status": 404}, "is not on Kaggle"),
    ],
)
def test_an_answer_that_stays_odd_is_one_line(command, kaggle_server, monkeypatch, odd, words):
    from kernelgen.publishing import client

    monkeypatch.setattr(client, "PATIENCE_WHILE_WAITING_SECONDS", 0.3)
    assert command("--target", "train", "--push").code == 0
    kaggle_server.fault("GetKernelSessionStatus", times=None, **odd)
    done = command("--target", "train", "--wait")
    assert done.code == 1 and len(done.errors) == 1 and words in done.errors[0]


def test_a_score_is_noted_although_the_cross_validation_cannot_be_read(command, kaggle_server, project):
    outputs = {"submission.csv": b"row_id\n", "cross_validation.json": b'{"score": 0.7, "name": "mean"}'}
    kaggle_server.script(SUBMISSION, outputs=outputs)
    kaggle_server.fault("GetFile", status=404, times=None)
    done = command("--target", "train,export,submission", "--push", "--wait", "--submit")
    assert done.code == 0, done.err
    assert "CV unknown, public 0.80000" in done.err
    assert "0.80000" in (project / "kernel_templates/leaderboard.csv").read_text()


@pytest.mark.parametrize(
    "odd", [{"body": "<html>"}, {"body": "{}", "content_type": JSON}], ids=["page", "empty object"]
)
@pytest.mark.parametrize("endpoint", ["SaveKernel", "CreateCodeSubmission"])
def test_what_was_done_behind_an_odd_answer_is_done_once(whole_way, kaggle_server, endpoint, odd):
    kaggle_server.fault(endpoint, done=True, **odd)
    done = whole_way()
    assert done.code == 0, done.err
    assert [len(kernel.versions) for kernel in kaggle_server.kernels.values()] == [1, 1, 1]
    assert len(kaggle_server.submissions) == 1


def test_a_kernel_that_was_never_pushed_is_said_so_soon(command, kaggle_server):
    done = command("--target", "train", "--wait")
    assert done.errors == [f"kernel {TRAIN}: is not on Kaggle; push it first"]


def test_a_limit_that_a_wrong_clock_puts_into_the_past_is_no_endless_loop(command, kaggle_server):
    from kernelgen.publishing import client

    past = {"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}
    kaggle_server.fault("SaveKernel", status=429, headers=past, times=None)
    assert command("--target", "train", "--push").code == 1
    # As many as the usual pause leaves room for (conftest.py), however fast the machine is.
    assert len(kaggle_server.calls_of("SaveKernel")) <= client.PATIENCE_SECONDS / client.FIRST_PAUSE_SECONDS + 1


# ---------------------------------------------------------------- logs


def piece(data, **more):
    return {"stream_name": "stdout", "time": 1.0, "data": data, **more}


LOGS = {
    "a character in two pieces": ([piece("half \ud83d"), piece("\udc26 bird\n")], "half \U0001f426 bird"),
    "half a character": ([piece("half \ud83d bird\n")], "half \ufffd bird"),
    "not text": ([piece(None), piece(["x"]), {"time": 1}, piece("bird\n")], "bird"),
}


@pytest.mark.parametrize(("log", "shown"), LOGS.values(), ids=LOGS)
def test_any_log_is_shown_and_costs_no_file(command, kaggle_server, project, log, shown):
    kaggle_server.script(TRAIN, status="ERROR", outputs={"weights.bin": b"w"}, log=log)
    done = command("--target", "train", "--push", "--wait", "--output")
    assert shown in done.err and "ended in ERROR" in done.errors[0]
    assert (project / "build/train/output/weights.bin").read_bytes() == b"w"
    kept = (project / "build/train/output/pk-train.log").read_text(encoding="utf-8")
    assert json.loads(kept) == log


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("plain \ud83d text", "plain \ufffd text"),
        ('[{"data": "first\\n"}\n,{"data": "second', "first"),
        ("[" * 100_000, "["),
        (["no", "text"], "no"),
        (7, "7"),
        (None, ""),
    ],
    ids=["plain text", "cut JSON", "deep JSON", "a list", "a number", "none"],
)
def test_a_log_that_is_no_list_of_pieces_costs_no_file(command, kaggle_server, project, log, shown):
    kaggle_server.script(TRAIN, status="ERROR", outputs={"weights.bin": b"w"})
    kaggle_server.fault("ListKernelSessionOutput", override={"log": log}, times=None)
    done = command("--target", "train", "--push", "--wait", "--output")
    assert shown in done.err and len(done.errors) == 1 and "ended in ERROR" in done.errors[0]
    assert (project / "build/train/output/weights.bin").read_bytes() == b"w"


def test_a_log_whose_name_is_taken_costs_no_file(command, kaggle_server, project):
    kaggle_server.script(TRAIN, outputs={"pk-train.log/part.txt": b"p"}, log="printed\n")
    assert command("--target", "train", "--push", "--wait", "--output").code == 0
    assert (project / "build/train/output/pk-train.log/part.txt").read_bytes() == b"p"


# ---------------------------------------------------------------- files


def test_an_answer_without_files_and_log_is_not_taken_for_an_empty_output(command, kaggle_server, project):
    kaggle_server.script(TRAIN, outputs={"weights.bin": b"w"})
    kaggle_server.fault("ListKernelSessionOutput", body="{}", content_type=JSON, times=2)
    assert command("--target", "train", "--push", "--wait", "--output").code == 0
    assert (project / "build/train/output/weights.bin").read_bytes() == b"w"


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_an_address_that_ran_out_is_asked_for_anew(command, kaggle_server, project, status):
    files = {f"part{number}.bin": bytes([number]) * 2000 for number in range(5)}
    kaggle_server.script(TRAIN, outputs=files)
    kaggle_server.fault("GetFile", skip=2, times=2, status=status, body="<Error><Code>ExpiredToken</Code></Error>")
    done = command("--target", "train", "--push", "--wait", "--output")
    assert done.code == 0, done.err
    assert all((project / f"build/train/output/{name}").read_bytes() == data for name, data in files.items())


def test_a_file_that_is_refused_by_every_list_is_named_and_nothing_is_kept_by_halves(command, kaggle_server, project):
    kaggle_server.script(TRAIN, outputs={"a.bin": b"a", "b.bin": b"b"})
    kaggle_server.fault("GetFile", when=lambda body: body["name"] == "b.bin", status=403, times=None)
    done = command("--target", "train", "--push", "--wait", "--output")
    assert done.code == 1 and "b.bin of kernel tester/pk-train: Kaggle does not hand it out (403)" in done.errors[0]
    assert not (project / "build/train/output").exists()


@pytest.mark.parametrize("fault", [{"cut_at": 100}, {"cut": "after"}, {"body": "<html>"}, {"status": 500}], ids=str)
def test_a_download_that_breaks_is_fetched_again(command, kaggle_server, project, fault):
    kaggle_server.script(TRAIN, outputs={"weights.bin": b"w" * 5000})
    kaggle_server.fault("GetFile", times=3, **fault)
    done = command("--target", "train", "--push", "--wait", "--output")
    assert done.code == 0, done.err
    assert (project / "build/train/output/weights.bin").read_bytes() == b"w" * 5000


# ---------------------------------------------------------------- datasets


def test_a_dataset_that_did_not_arrive_whole_is_an_error_and_sent_again(command, kaggle_server):
    kaggle_server.fault("ListDatasetFiles", override={"datasetFiles": [{"name": "table.csv", "totalBytes": 8}]})
    done = command("--target", "train", "--push")
    assert done.code == 1 and "version 1 came without weights.bin" in done.errors[0] and not kaggle_server.kernels
    done = command("--target", "train", "--push")
    assert done.code == 0, done.err
    assert kaggle_server.kernels[TRAIN].versions[-1].attached[f"{ME}/some-extra"] == 2


@pytest.mark.parametrize("skip", range(6))
def test_a_404_makes_no_training_start_anew(command, kaggle_server, skip):
    kaggle_server.script(TRAIN, outputs={"unfinished.txt": b"1 of 2\n"}, times=1)
    assert command("--target", "train", "--push", "--wait").code == 0
    kaggle_server.fault("GetKernelSessionStatus", skip=skip, status=404)
    kaggle_server.fault("GetKernel", skip=skip, status=404)
    assert command("--target", "train", "--push", "--wait", "--resume").code == 0
    versions = kaggle_server.kernels[TRAIN].versions
    assert [version.attached.get(TRAIN) for version in versions] == [None, 1]


@pytest.mark.parametrize("endpoint", ["GetKernel", "GetKernelSessionStatus", "GetDataset", "GetDatasetStatus"])
def test_a_404_makes_nothing_be_sent_again(command, kaggle_server, endpoint):
    assert command("--target", "train,export", "--push", "--wait").code == 0
    for skip in range(4):
        kaggle_server.fault(endpoint, skip=skip, status=404)
        assert command("--target", "train,export", "--push", "--wait").code == 0
    assert [len(kernel.versions) for kernel in kaggle_server.kernels.values()] == [1, 1]
    assert [len(dataset.versions) for dataset in kaggle_server.datasets.values()] == [1]
