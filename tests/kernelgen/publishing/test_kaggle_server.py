"""The server of the tests is like Kaggle: shown with the real client, on what it takes and on what it refuses."""

import io
import json
import threading
import time
import zipfile

import pytest
import requests

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "id": "a1", "metadata": {}, "source": "# A case"},
        {"cell_type": "code", "id": "a2", "metadata": {}, "outputs": [], "execution_count": None, "source": "1 + 1\n2"},
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
REF = "tester/case-one"


@pytest.fixture
def kernel(tmp_path):
    """Writes a folder to push: kernel(title=…) changes the metadata, notebook=… the notebook."""

    def write(notebook=None, **metadata):
        folder = tmp_path / "kernel"
        folder.mkdir(exist_ok=True)
        content = {
            "id": REF,
            "title": "Case one",
            "code_file": "case.ipynb",
            "language": "python",
            "kernel_type": "notebook",
            "is_private": True,
            "enable_gpu": False,
            "enable_internet": False,
            "dataset_sources": [],
            "competition_sources": [],
            "kernel_sources": [],
            "model_sources": [],
        } | metadata
        (folder / "kernel-metadata.json").write_text(json.dumps(content))
        (folder / "case.ipynb").write_text(json.dumps(notebook or NOTEBOOK))
        return folder

    return write


@pytest.fixture
def dataset(tmp_path):
    """Writes a folder to upload: dataset({"weights.bin": b"…"}, title=…)."""

    def write(files=None, **metadata):
        folder = tmp_path / "dataset"
        folder.mkdir(exist_ok=True)
        content = {"id": "tester/weights", "title": "The weights", "licenses": [{"name": "CC0-1.0"}]} | metadata
        (folder / "dataset-metadata.json").write_text(json.dumps(content))
        for name, content in ({"weights.bin": b"w" * 3000} if files is None else files).items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        return folder

    return write


@pytest.fixture
def client(kaggle_in_process):
    """The real client in this process."""
    from kaggle.api.kaggle_api_extended import KaggleApi

    api = KaggleApi()
    api.authenticate()
    return api


def said(done):
    return done.stdout + done.stderr


def refused(action, *arguments, **keywords):
    """The status and the message with which Kaggle refuses what the client asks for."""
    with pytest.raises(requests.exceptions.HTTPError) as caught:
        action(*arguments, **keywords)
    return caught.value.response.status_code, caught.value.response.json()["message"]


def request_of(name, **fields):
    """A request of kagglesdk's kernels service, for what the client's own calls leave out."""
    from kagglesdk.kernels.types import kernels_api_service

    request = getattr(kernels_api_service, name)()
    for field, value in fields.items():
        setattr(request, field, value)
    return request


# ---------------------------------------------------------------- kernels


def test_a_pushed_kernel_is_kept_as_it_was_sent(kaggle_server, kaggle, kernel):
    done = kaggle("kernels", "push", "-p", kernel())
    assert (done.returncode, "version 1 successfully pushed" in done.stdout) == (0, True), said(done)
    (version,) = kaggle_server.kernels[REF].versions
    assert json.loads(version.text) == NOTEBOOK
    assert version.request["enableInternet"] is False
    assert kaggle("kernels", "push", "-p", kernel()).stdout.startswith("Kernel version 2 successfully pushed")
    assert [call.endpoint for call in kaggle_server.calls] == ["SaveKernel", "SaveKernel"]


@pytest.mark.parametrize("credentials", ["environment", "token", "token_file", "file", "oauth"])
def test_every_kind_of_credentials_is_taken(kaggle_server, kaggle, kernel, tmp_path, credentials):
    environment = kaggle_server.environment(tmp_path / "home", credentials=credentials)
    done = kaggle("kernels", "push", "-p", kernel(), env=environment)
    assert "version 1 successfully pushed" in done.stdout, said(done)
    assert kaggle_server.calls_of("SaveKernel")[0].user == "tester"


def test_a_wrong_key_and_a_strangers_name_are_refused(kaggle_server, kaggle, kernel, tmp_path):
    environment = kaggle_server.environment(tmp_path / "home")
    wrong = kaggle("kernels", "push", "-p", kernel(), env=environment | {"KAGGLE_KEY": "wrong"})
    assert wrong.returncode == 1 and kaggle_server.calls[-1].status == 401
    foreign = kaggle("kernels", "push", "-p", kernel(id="someone/case-one"))
    assert (foreign.returncode, "was denied" in foreign.stderr, kaggle_server.calls[-1].status) == (1, True, 403)
    assert kaggle_server.kernels == {}


def test_an_organisations_member_may_write_for_it(kaggle_server, client, kernel):
    kaggle_server.add_organisation("birdclub", {"tester"})
    assert client.kernels_push(kernel(id="birdclub/case-one")).ref == "/code/birdclub/case-one"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"title": "Another title"}, 409),
        ({"title": "c" * 51, "id": "tester/" + "c" * 51}, 400),
        ({"id": "tester/Case-One"}, 400),
        ({"machine_shape": "Abacus"}, 400),
        ({"machine_shape": "NvidiaTeslaP100"}, 400),
    ],
)
def test_what_kaggle_refuses_of_a_kernels_metadata(kaggle_server, client, kernel, change, status):
    assert refused(client.kernels_push, kernel(**change))[0] == status
    assert kaggle_server.kernels == {}


def test_a_title_in_use_is_refused(kaggle_server, client, kernel):
    kaggle_server.add_kernel("tester/other-slug")
    kaggle_server.kernels["tester/other-slug"].title = "Case one"
    status, message = refused(client.kernels_push, kernel())
    assert status == 409 and "already in use" in message


def test_kaggle_may_make_the_slug_of_the_title_in_silence(kaggle_server, client, kernel):
    kaggle_server.slug_mismatch = "title"
    assert client.kernels_push(kernel(title="Another title")).ref == "/code/tester/another-title"
    assert list(kaggle_server.kernels) == ["tester/another-title"]


def test_sources_of_a_megabyte_lists_of_lines_and_what_is_no_notebook_are_refused(kaggle_server, client, kernel):
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": "#" * 999_000}
    folder = kernel(NOTEBOOK | {"cells": [cell]})
    assert client.kernels_push(folder).version_number == 1
    cell["source"] += "#" * 1000
    assert refused(client.kernels_push, kernel(NOTEBOOK | {"cells": [cell]}))[0] == 400
    save = client.build_kaggle_client().kernels.kernels_api_client.save_kernel
    fields = {"slug": REF, "new_title": "Case one", "language": "python", "kernel_type": "notebook"}
    listed = json.dumps(NOTEBOOK | {"cells": [cell | {"source": ["1\n", "2"]}]})
    assert refused(save, request_of("ApiSaveKernelRequest", text=listed, **fields))[0] == 500
    assert refused(save, request_of("ApiSaveKernelRequest", text="print(1)", **fields))[0] == 400


def test_sources_that_are_not_there_are_listed_and_the_kernel_runs_without_them(kaggle_server, client, kernel):
    kaggle_server.models.add("google/perch/tensorFlow2/one/3")
    kaggle_server.add_dataset("someone/public", {"a.csv": b"1"})
    kaggle_server.add_dataset("someone/secret", {"a.csv": b"1"}, private=True)
    kaggle_server.add_kernel("tester/trained", outputs={"w.pt": b"1"})
    kaggle_server.add_kernel("tester/failed", status="ERROR")
    kaggle_server.add_competition("closed-one", joined=False)
    reply = client.kernels_push(
        kernel(
            dataset_sources=["someone/public", "someone/secret", "tester/absent"],
            kernel_sources=["tester/trained", "tester/failed", "tester/absent"],
            competition_sources=["birdclef-2023", "closed-one", "absent"],
            model_sources=["google/perch/tensorFlow2/one/3", "google/perch/tensorFlow2/one/4"],
            keywords=["birds", "no such tag"],
        )
    )
    assert reply.error == "" and reply.version_number == 1
    assert reply.invalid_dataset_sources == ["someone/secret", "tester/absent"]
    assert reply.invalid_kernel_sources == ["tester/absent"]
    assert reply.invalid_competition_sources == ["closed-one", "absent"]
    assert reply.invalid_model_sources == ["google/perch/tensorFlow2/one/4"]
    assert reply.invalid_tags == ["no such tag"]
    assert kaggle_server.kernels[REF].versions[0].attached == {
        "someone/public": 1,
        "tester/trained": 1,
        "tester/failed": None,
        "birdclef-2023": None,
        "google/perch/tensorFlow2/one/3": 3,
    }


def test_two_gpu_sessions_at_once(kaggle_server, client, kernel):
    kaggle_server.run_polls = 1
    gpu = {"enable_gpu": True, "machine_shape": "NvidiaTeslaT4"}
    for _ in range(2):
        assert client.kernels_push(kernel(**gpu)).error == ""
    assert client.kernels_push(kernel()).error == "", "a CPU kernel has room"
    full = client.kernels_push(kernel(**gpu))
    assert (full.error, full.version_number) == ("Maximum batch GPU session count of 2 reached.", 0)
    assert client.kernels_push(kernel(**gpu)).error != "", "time passes with every attempt"
    assert client.kernels_push(kernel(**gpu)).version_number == 4
    kaggle_server.gpu_hours_used = 30.0
    assert "quota" in client.kernels_push(kernel(**gpu)).error
    quota = client.quota_view().gpu_quota
    assert quota.time_used.total_seconds() == quota.total_time_allowed.total_seconds() == 30 * 3600


def test_a_run_goes_its_way_and_leaves_outputs_and_a_log(kaggle_server, kaggle, client, kernel, tmp_path):
    kaggle_server.run_polls = 2
    outputs = {f"folder/file-{number:02d}.txt": f"{number}" for number in range(25)}
    kaggle_server.script(REF, outputs=outputs, log="a line\nanother\n")
    client.kernels_push(kernel())
    assert [client.kernels_status(REF).status.name for _ in range(2)] == ["QUEUED", "RUNNING"]
    assert client.kernels_logs(REF) == "" and kaggle_server.kernels[REF].versions[0].outputs == {}
    assert "COMPLETE" in kaggle("kernels", "status", REF).stdout
    asked = len(kaggle_server.calls_of("ListKernelSessionOutput"))
    done = kaggle("kernels", "output", REF, "-p", tmp_path / "out")
    assert done.returncode == 0, said(done)
    assert len(kaggle_server.calls_of("ListKernelSessionOutput")) == asked + 2, "two pages"
    got = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_text() for path in (tmp_path / "out").rglob("*.txt")
    }
    assert got == outputs
    log = json.loads((tmp_path / "out" / "case-one.log").read_text())
    assert [record["data"] for record in log] == ["a line\n", "another\n"]
    assert set(log[0]) == {"stream_name", "time", "data"}


def test_the_log_can_be_followed(kaggle_server, client, kernel):
    kaggle_server.run_polls = 1
    kaggle_server.script(REF, log="the end\n")
    client.kernels_push(kernel())
    assert [event["data"] for event in client.kernels_logs_stream(REF)] == ["the kernel has started\n"]
    for _ in range(2):
        client.kernels_status(REF)
    assert [event["data"] for event in client.kernels_logs_stream(REF)] == ["the end\n"]


def test_a_run_that_fails_says_so_with_success(kaggle_server, kaggle, client, kernel, papermill_failure):
    kaggle_server.script(
        REF, status="ERROR", log=papermill_failure("ValueError", "no sound"), failure_message="it stopped"
    )
    client.kernels_push(kernel())
    done = kaggle("kernels", "status", REF)
    assert done.returncode == 0 and "ERROR" in done.stdout and "it stopped" in done.stdout
    assert "ValueError: no sound" in client.kernels_logs(REF)


def test_a_notebook_without_a_kernel_name_is_taken_and_fails(kaggle_server, client, kernel):
    client.kernels_push(kernel(NOTEBOOK | {"metadata": {}}))
    assert client.kernels_status(REF).status.name == "ERROR"
    assert "No kernel name found" in client.kernels_logs(REF)


def test_each_version_has_its_own_text_status_and_outputs(kaggle_server, client, kernel):
    kaggle_server.script(REF, outputs={"one.txt": "1"})
    kaggle_server.script(REF, status="ERROR")
    for _ in range(2):
        client.kernels_push(kernel())
    api = client.build_kaggle_client().kernels.kernels_api_client
    where = {"user_name": "tester", "kernel_slug": "case-one"}
    for label, status, names in (("v1", "COMPLETE", ["one.txt"]), ("v2", "ERROR", []), (None, "ERROR", [])):
        asked = where | ({"version_label": label} if label else {})
        assert (
            api.get_kernel_session_status(request_of("ApiGetKernelSessionStatusRequest", **asked)).status.name == status
        )
        listed = api.list_kernel_session_output(request_of("ApiListKernelSessionOutputRequest", **asked))
        assert [one.file_name for one in listed.files] == names
        assert api.get_kernel(request_of("ApiGetKernelRequest", **asked)).metadata.current_version_number == 2
    for label in ("1", "v3", "latest"):
        assert refused(api.get_kernel, request_of("ApiGetKernelRequest", version_label=label, **where))[0] == 404
    numbered = request_of("ApiGetKernelRequest", user_name="tester", kernel_slug="case-one/1")
    assert refused(api.get_kernel, numbered)[0] == 403
    assert (
        refused(api.get_kernel, request_of("ApiGetKernelRequest", user_name="tester", kernel_slug="absent"))[0] == 403
    )


@pytest.mark.parametrize(
    ("sources", "ids", "source"),
    [("strings", "dropped", "3\n4"), ("lists", "new", ["3\n", "4"]), ("strings", "kept", "3\n4")],
)
def test_an_edited_kernel_is_pulled_as_the_editor_wrote_it(
    kaggle_server, client, kernel, tmp_path, sources, ids, source
):
    client.kernels_push(kernel())

    def change(notebook):
        notebook["cells"][1]["source"] = "3\n4"

    version = kaggle_server.edit_kernel(REF, change, sources=sources, ids=ids)
    assert (version.number, version.status, version.request["slug"]) == (2, "COMPLETE", REF)
    client.kernels_pull(REF, str(tmp_path / "pulled"), metadata=True)
    text = (tmp_path / "pulled" / "case-one.ipynb").read_text()
    assert text == version.text != kaggle_server.kernels[REF].versions[0].text
    pulled = json.loads(text)
    cell = pulled["cells"][1]
    assert cell["source"] == source and cell["outputs"] and cell["metadata"]["trusted"] is True
    assert {
        "dropped": cell.get("id") is None,
        "new": cell.get("id") not in (None, "a2"),
        "kept": cell.get("id") == "a2",
    }[ids]
    assert pulled["metadata"]["kaggle"]["isInternetEnabled"] is False and "papermill" in pulled["metadata"]
    assert json.loads((tmp_path / "pulled" / "kernel-metadata.json").read_text())["id"] == REF


def test_a_pushed_kernel_is_pulled_as_it_was_sent(kaggle_server, kaggle, kernel, tmp_path):
    kaggle("kernels", "push", "-p", kernel())
    done = kaggle("kernels", "pull", REF, "-p", tmp_path / "pulled")
    assert done.returncode == 0, said(done)
    assert (tmp_path / "pulled" / "case-one.ipynb").read_text() == kaggle_server.kernels[REF].versions[0].text


def test_a_test_may_compute_what_a_run_leaves(kaggle_server, client, kernel):
    gate = threading.Event()

    def on_run(ref, version):
        gate.wait(5)
        return {"rows.txt": f"{ref} {version.number} {len(json.loads(version.text)['cells'])}"}

    kaggle_server.on_run, kaggle_server.hook_patience = on_run, 0.05
    client.kernels_push(kernel())
    assert client.kernels_status(REF).status.name == "RUNNING"
    gate.set()
    kaggle_server.hook_patience = 5
    assert client.kernels_status(REF).status.name == "COMPLETE"
    assert kaggle_server.kernels[REF].versions[0].outputs == {"rows.txt": b"tester/case-one 1 2"}


# ---------------------------------------------------------------- datasets


def test_a_dataset_becomes_ready_some_time_after_it_was_sent(kaggle_server, kaggle, client, dataset, tmp_path):
    kaggle_server.ready_after_polls = 2
    folder = dataset({"weights.bin": b"w" * 3000, "empty.txt": b"", "inner/a.txt": b"a"})
    done = kaggle("datasets", "create", "-p", folder, "--dir-mode", "zip")
    assert done.returncode == 0 and "is being created" in done.stdout, said(done)
    (version,) = kaggle_server.datasets["tester/weights"].versions
    assert version.files["weights.bin"] == b"w" * 3000 and version.files["empty.txt"] == b""
    assert zipfile.ZipFile(io.BytesIO(version.files["inner.zip"])).namelist() == ["a.txt"]
    assert sorted(version.mounted) == ["empty.txt", "inner/a.txt", "weights.bin"]
    assert [client.dataset_status("tester/weights") for _ in range(2)] == ["not_yet_persisted", "blobs_decompressed"]
    assert kaggle("datasets", "status", "tester/weights").stdout == "ready"
    client.dataset_download_file("tester/weights", "inner/a.txt", path=str(tmp_path / "got"))
    assert (tmp_path / "got" / "a.txt").read_bytes() == b"a"


def test_a_version_is_a_full_snapshot_and_the_old_one_counts_until_it_is_ready(
    kaggle_server, kaggle, client, dataset, kernel
):
    folder = dataset({"a.bin": b"1", "b.bin": b"2"})
    client.dataset_create_new(folder, quiet=True)
    (folder / "b.bin").unlink()
    kaggle_server.ready_after_polls = 2
    done = kaggle("datasets", "version", "-p", folder, "-m", "without b")
    assert done.returncode == 0 and "version is being created" in done.stdout, said(done)
    uses = kernel(dataset_sources=["tester/weights"])
    assert client.kernels_push(uses).invalid_dataset_sources == []
    numbers = [json.loads(client.dataset_status("tester/weights", format="json")) for _ in range(2)]
    assert [one["current_version_number"] for one in numbers] == [1, 2], "status and number are two polls"
    client.kernels_push(uses)
    assert [one.attached["tester/weights"] for one in kaggle_server.kernels[REF].versions] == [1, 2]
    files = client.dataset_list_files("tester/weights").files
    assert [(one.name, one.total_bytes) for one in files] == [("a.bin", 1)]
    first, second = kaggle_server.datasets["tester/weights"].versions
    assert (list(first.files), list(second.files), second.notes) == (["a.bin", "b.bin"], ["a.bin"], "without b")


def test_a_dataset_that_is_not_ready_cannot_be_attached(kaggle_server, client, dataset, kernel):
    kaggle_server.script_dataset("tester/weights", polls=1)
    uses = kernel(dataset_sources=["tester/weights"])
    client.dataset_create_new(dataset(), quiet=True)
    assert client.kernels_push(uses).invalid_dataset_sources == ["tester/weights"]
    assert [client.dataset_status("tester/weights") for _ in range(2)] == ["not_yet_persisted", "ready"]
    assert client.kernels_push(uses).invalid_dataset_sources == []


def test_a_dataset_may_fail_and_keeps_its_last_good_version(kaggle_server, client, dataset):
    client.dataset_create_new(dataset(), quiet=True)
    kaggle_server.script_dataset("tester/weights", status="FAILED", polls=1)
    client.dataset_create_version(dataset(), "broken", quiet=True)
    assert [client.dataset_status("tester/weights") for _ in range(3)] == ["not_yet_persisted", "failed", "failed"]
    assert kaggle_server.datasets["tester/weights"].current.number == 1


def test_the_news_of_a_version_may_come_late(kaggle_server, client, dataset):
    kaggle_server.status_lag, kaggle_server.ready_after_polls = 1, 1
    client.dataset_create_new(dataset(), quiet=True)
    assert refused(client.dataset_status, "tester/weights")[0] == 404
    assert [client.dataset_status("tester/weights") for _ in range(2)] == ["not_yet_persisted", "ready"]
    client.dataset_create_version(dataset(), "again", quiet=True)
    assert [client.dataset_status("tester/weights") for _ in range(3)] == ["ready", "not_yet_persisted", "ready"]


def test_what_kaggle_refuses_of_a_dataset(kaggle_server, client, kaggle, dataset):
    assert "Invalid license" in client.dataset_create_new(dataset(licenses=[{"name": "mine"}]), quiet=True).error
    assert client.dataset_create_new(dataset(), quiet=True).status == "Ok"
    again = kaggle("datasets", "create", "-p", dataset())
    assert again.returncode == 0 and "already in use" in again.stdout
    assert "already in use" in client.dataset_create_new(dataset(id="tester/weights-two"), quiet=True).error
    assert refused(client.dataset_create_version, dataset(id="tester/absent"), "m", quiet=True)[0] == 404
    assert refused(client.dataset_create_new, dataset(id="someone/weights"), quiet=True)[0] == 403
    assert client.dataset_create_new(
        dataset(id="tester/tagged", title="Tagged", keywords=["nonsense"]), quiet=True
    ).invalid_tags == ["nonsense"]


# ---------------------------------------------------------------- submissions


def test_a_finished_notebook_is_submitted_and_scored(kaggle_server, kaggle, client, kernel):
    kaggle_server.script(REF, outputs={"submission.csv": "row_id\n"})
    kaggle_server.script_submission(score="0.81234", polls=1)
    client.kernels_push(kernel(competition_sources=["birdclef-2023"]))
    done = kaggle(
        "competitions", "submit", "birdclef-2023", "-k", REF, "-v", "1", "-f", "submission.csv", "-m", "first"
    )
    assert done.returncode == 0 and "Successfully submitted to BirdCLEF 2023" in done.stdout, said(done)
    assert "4 submissions remaining today" in done.stdout
    (pending,) = client.competition_submissions("birdclef-2023")
    assert (pending.status.name, pending.public_score) == ("PENDING", "")
    shown = kaggle("competitions", "submissions", "birdclef-2023", "--csv").stdout
    assert "COMPLETE" in shown and "0.81234" in shown
    (submission,) = kaggle_server.submissions
    assert (submission.kernel, submission.version, submission.description) == (REF, 1, "first")


def test_what_cannot_be_submitted(kaggle_server, client, kernel):
    competition = {"competition_sources": ["birdclef-2023"]}

    def submit(version=1, name="submission.csv", slug="birdclef-2023", ref=REF):
        return client.competition_submit_code(name, "m", slug, ref, version, quiet=True)

    kaggle_server.script(REF, outputs={"other.csv": ""})
    kaggle_server.script(REF, status="ERROR", outputs={"submission.csv": ""})
    kaggle_server.script(REF, outputs={"submission.csv": ""}, times=None)
    for change in (competition, competition, {}, competition | {"enable_internet": True}, competition):
        client.kernels_push(kernel(**change))
    for version, reason in (
        (1, "Could not find file"),
        (2, "not finished"),
        (3, "not attached"),
        (4, "internet"),
        (9, "version"),
    ):
        status, message = refused(submit, version)
        assert status == 400 and reason in message, message
    assert refused(submit, ref="tester/absent-one")[0] == 400
    assert refused(submit, slug="absent")[0] == 404
    kaggle_server.competitions["birdclef-2023"].joined = False
    assert refused(submit, 5)[0] == 403
    kaggle_server.competitions["birdclef-2023"].joined = True
    kaggle_server.competitions["birdclef-2023"].sent_before = 4
    assert submit(5).ref == kaggle_server.submissions[0].ref
    assert client.competition_get_submission_limits("birdclef-2023").num_allowed_now == 0
    status, message = refused(submit, 5)
    assert status == 400 and "daily" in message
    assert len(kaggle_server.submissions) == 1


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 502, 503])
def test_an_ordered_error_is_answered_and_nothing_is_done(kaggle_server, client, kernel, status):
    fault = kaggle_server.fault("SaveKernel", status=status, message="as ordered", headers={"Retry-After": "7"})
    with pytest.raises(requests.exceptions.HTTPError) as caught:
        client.kernels_push(kernel())
    reply = caught.value.response
    assert (reply.status_code, reply.json()) == (status, {"code": status, "message": "as ordered"})
    assert reply.headers["Retry-After"] == "7" and fault.used == 1 and kaggle_server.kernels == {}
    assert client.kernels_push(kernel()).version_number == 1, "once only"


@pytest.mark.parametrize(
    ("fault", "versions"), [({"cut": "before"}, 0), ({"cut": "after"}, 1), ({"status": 500, "done": True}, 1)]
)
def test_the_connection_is_cut_with_or_without_having_saved(kaggle_server, client, kernel, fault, versions):
    kaggle_server.fault("SaveKernel", **fault)
    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.HTTPError)):
        client.kernels_push(kernel())
    saved = kaggle_server.kernels
    assert len(saved[REF].versions if saved else []) == versions


def test_faults_wait_choose_override_and_answer_without_json(kaggle_server, client, kernel):
    kaggle_server.fault("SaveKernel", override={"error": "Notebook not found", "ref": "/code/tester/other"}, skip=1)
    kaggle_server.fault("SaveKernel", body="<html>busy</html>", status=502, when=lambda body: body["enableGpu"])
    kaggle_server.fault("SaveKernel", delay=0.2)
    begun = time.monotonic()
    assert client.kernels_push(kernel()).error == "" and time.monotonic() - begun >= 0.2
    assert client.kernels_push(kernel()).ref == "/code/tester/other"
    with pytest.raises(requests.exceptions.HTTPError) as caught:
        client.kernels_push(kernel(enable_gpu=True))
    assert caught.value.response.text == "<html>busy</html>"
    assert len(kaggle_server.kernels[REF].versions) == 2
    assert kaggle_server.unused_faults == []


def test_the_client_retries_a_busy_dataset_service(kaggle_server, client, dataset):
    kaggle_server.fault("CreateDataset", status=429, headers={"Retry-After": "0"}, times=2)
    assert client.dataset_create_new(dataset(), quiet=True).status == "Ok"
    assert [call.status for call in kaggle_server.calls_of("CreateDataset")] == [429, 429, 200]


def test_a_cut_upload_is_sent_again_whole(kaggle_server, client, dataset):
    fault = kaggle_server.fault("PutBlob", cut_at=1000)
    content = bytes(range(256)) * 4096
    client.dataset_create_new(dataset({"weights.bin": content}), quiet=True)
    assert fault.used == 1 and len(kaggle_server.calls_of("PutBlob")) == 2
    assert kaggle_server.datasets["tester/weights"].versions[0].files == {"weights.bin": content}


def test_an_interrupted_upload_goes_on_where_it_stopped(kaggle_server, client, dataset):
    content = bytes(range(256)) * 20
    kaggle_server.fault("PutBlob", status=503, cut_at=1000)
    client.dataset_create_new(dataset({"weights.bin": content}), quiet=True)
    assert [call.status for call in kaggle_server.calls_of("QueryBlob")] == [308]
    first, second = kaggle_server.calls_of("PutBlob")
    assert (first.status, second.body["range"], second.body["size"]) == (503, "bytes 1000-5119/5120", 4120)
    assert kaggle_server.datasets["tester/weights"].versions[0].files == {"weights.bin": content}


def test_the_client_publishes_a_dataset_without_the_file_that_was_refused(kaggle_server, kaggle, dataset):
    kaggle_server.fault(
        "PutBlob", status=403, when=lambda body: kaggle_server.storage.blobs[body["token"]].name == "b.bin"
    )
    done = kaggle("datasets", "create", "-p", dataset({"a.bin": b"1", "b.bin": b"2"}))
    assert done.returncode == 0 and "Upload unsuccessful: b.bin" in done.stdout
    assert list(kaggle_server.datasets["tester/weights"].versions[0].files) == ["a.bin"]


def test_an_unfinished_upload_and_an_unknown_token_make_no_dataset(kaggle_server, client, dataset):
    kaggle_server.refuse_empty_datasets = True
    kaggle_server.fault("PutBlob", status=400, times=None)
    assert "at least one file" in client.dataset_create_new(dataset(), quiet=True).error
    from kagglesdk.datasets.types.dataset_api_service import ApiCreateDatasetRequest, ApiDatasetNewFile

    request, file = ApiCreateDatasetRequest(), ApiDatasetNewFile()
    file.token = next(iter(kaggle_server.storage.blobs))
    request.owner_slug, request.slug, request.title = "tester", "weights", "The weights"
    request.license_name, request.files = "CC0-1.0", [file]
    create = client.build_kaggle_client().datasets.dataset_api_client.create_dataset
    assert refused(create, request)[0] == 400
    assert kaggle_server.datasets == {}


def test_a_download_may_break_off_and_be_taken_up_again(kaggle_server, client, tmp_path):
    kaggle_server.add_kernel(REF, outputs={"big.bin": b"0123456789" * 100})
    kaggle_server.fault("GetFile", cut_at=100)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.kernels_output(REF, str(tmp_path))
    api = client.build_kaggle_client().kernels.kernels_api_client
    listed = api.list_kernel_session_output(
        request_of("ApiListKernelSessionOutputRequest", user_name="tester", kernel_slug="case-one")
    )
    rest = requests.get(listed.files[0].url, headers={"Range": "bytes=990-"})
    assert (rest.status_code, rest.content, rest.headers["Content-Range"]) == (206, b"0123456789", "bytes 990-999/1000")


# ---------------------------------------------------------------- the server itself


def test_what_does_not_exist_here_is_a_404_and_remembered(kaggle_server, kaggle):
    assert kaggle("kernels", "list").returncode == 1
    assert kaggle_server.unknown == ["ListKernels"]


def test_misspelt_orders_are_refused(kaggle_server):
    with pytest.raises(ValueError, match="SaveKernal"):
        kaggle_server.fault("SaveKernal", status=500)
    with pytest.raises(ValueError, match="later"):
        kaggle_server.fault("SaveKernel", cut="later")
    with pytest.raises(AttributeError, match="run_poll"):
        kaggle_server.run_poll = 1


def test_requests_at_the_same_time_are_all_kept(kaggle_server, client, kernel):
    folder = kernel()
    pushing = [threading.Thread(target=client.kernels_push, args=(folder,)) for _ in range(8)]
    for thread in pushing:
        thread.start()
    for thread in pushing:
        thread.join()
    assert [version.number for version in kaggle_server.kernels[REF].versions] == list(range(1, 9))


def test_other_hosts_and_credentials_where_none_belong_are_violations(kaggle_server, kaggle_in_process):
    assert requests.get("http://example.org/").status_code == 403
    with pytest.raises(requests.exceptions.RequestException):
        requests.get("https://api.kaggle.com/v1/hello")
    url = kaggle_server.storage.share("a.txt", b"a")
    assert requests.get(url).content == b"a"
    assert requests.get(url, auth=("tester", "key")).status_code == 400
    assert len(kaggle_server.violations) == 3
    kaggle_server.violations.clear()


def test_nothing_is_left_when_the_server_stops(kaggle_server):
    from kaggle_server import KaggleServer

    before = set(threading.enumerate())
    with KaggleServer() as server:
        session = requests.Session()
        session.trust_env = False
        session.proxies = {"http": server.address}
        body = {"token": "unknown"}
        reply = session.post("http://localhost/api/v1/security.OAuthService/IntrospectToken", json=body)
        assert reply.json() == {"active": False}
    with pytest.raises(requests.exceptions.ConnectionError):
        session.post("http://localhost/api/v1/security.OAuthService/IntrospectToken", json=body)
    for thread in set(threading.enumerate()) - before:
        thread.join(2)
        assert not thread.is_alive()
