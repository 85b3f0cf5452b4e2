"""Credentials come from where Kaggle's client finds them, and are seen nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ME = "tester"


@pytest.fixture
def whole_command(project, kaggle_server, tmp_path_factory):
    """build_kernels.py as a process of its own, with the credentials that are asked for."""
    pytest.importorskip("requests")

    def run(*arguments, credentials="environment", **extra):
        home = tmp_path_factory.mktemp("home")
        environment = kaggle_server.environment(home, credentials=credentials) | extra
        command = [sys.executable, str(ROOT / "build_kernels.py"), *arguments, "--project", str(project)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.mark.parametrize("credentials", ["environment", "token", "token_file", "file", "oauth"])
def test_each_kind_of_credentials_works_and_tells_the_owner(whole_command, kaggle_server, credentials):
    done = whole_command("--target", "some-extra", "--push", credentials=credentials)
    assert done.returncode == 0, done.stderr
    assert list(kaggle_server.datasets) == [f"{ME}/some-extra"]


@pytest.fixture
def sign_in(kaggle_server, tmp_path, monkeypatch):
    """Signs in in this process, with what lies in a home of its own; the user's name, or the error's line."""
    pytest.importorskip("requests")

    def sign_in(credentials=None, files=(), **variables):
        from kaggle.api.kaggle_api_extended import KaggleApi

        from kernelgen.errors import KernelgenError
        from kernelgen.publishing.client import Kaggle

        environment = kaggle_server.environment(tmp_path, credentials=credentials) | variables
        for name, content in dict(files).items():
            (tmp_path / ".kaggle" / name).write_bytes(content)
        for name in [name for name in os.environ if name.startswith("KAGGLE_")]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(KaggleApi, "args", ["--local"])
        monkeypatch.setattr(KaggleApi, "config", str(tmp_path / ".kaggle/kaggle.json"))
        try:
            return Kaggle().username
        except KernelgenError as error:
            return str(error)

    return sign_in


KEY, TOKEN = "0123456789abcdef" * 2, "KGAT_" + "0123456789abcdef" * 2


@pytest.mark.parametrize("around", ["{}\n", " {} \r\n", '"{}"', "'{}'\n", "\ufeff{}"])
def test_what_stands_around_a_variables_value_by_mistake_does_no_harm(sign_in, around):
    assert sign_in(KAGGLE_API_TOKEN=around.format(TOKEN)) == ME
    assert sign_in(KAGGLE_USERNAME=f"{ME}\n", KAGGLE_KEY=around.format(KEY)) == ME


def test_a_variable_of_white_space_is_none(sign_in):
    assert sign_in("file", KAGGLE_API_TOKEN="\n", KAGGLE_KEY=" ") == ME


def test_a_token_file_ends_with_a_line_break(sign_in):
    assert sign_in(files={"access_token": f"{TOKEN}\r\n\r\n".encode()}) == ME


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        ({"access_token": TOKEN.encode("utf-16")}, {}),
        ({"access_token": TOKEN.encode("utf-8-sig")}, {}),
        ({"access_token": f"KAGGLE_API_TOKEN={TOKEN}".encode()}, {}),
        ({"access_token": f"{TOKEN}\n{TOKEN}".encode()}, {}),
        ({"kaggle.json": b'{"username": "tester", '}, {}),
        ({"kaggle.json": b'["tester"]'}, {}),
        ({"credentials.json": b'{"refresh_token": "KGRT_1", "access_token_expiration": "soon"}'}, {}),
        ({}, {"KAGGLE_API_TOKEN": f"{TOKEN[:9]} {TOKEN[9:]}"}),
        ({}, {"KAGGLE_API_TOKEN": "caf\u00e9"}),
        ({}, {"KAGGLE_API_TOKEN": "x" * 5000}),
        ({}, {"KAGGLE_USERNAME": ME, "KAGGLE_KEY": "k\u00e9y"}),
    ],
)
def test_credentials_that_can_be_none_are_one_line_that_says_so(sign_in, files, variables):
    line = sign_in(files=files, **variables)
    assert "credentials" in line and "make a new token at kaggle.com/settings" in line
    assert "\n" not in line and TOKEN not in line


@pytest.mark.parametrize("missing", ["kaggle", "requests"])
def test_a_client_that_is_not_installed_is_one_line(project, missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; import build_kernels; "
        f"sys.exit(build_kernels.main(['--target', 'some-extra', '--push', '--project', {str(project)!r}]))"
    )
    environment = os.environ | {"KAGGLE_USERNAME": ME, "KAGGLE_KEY": KEY, "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.stderr.startswith(f"error: Kaggle's client is not installed ({missing}") and done.returncode == 1
    assert "pip install -e '.[push]'" in done.stderr and done.stderr.count("\n") == 1


def test_missing_credentials_are_one_line(whole_command, kaggle_server):
    done = whole_command("--target", "some-extra", "--push", credentials=None)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and "no Kaggle credentials" in line and "kaggle.com/settings" in line
    assert not kaggle_server.datasets


@pytest.mark.parametrize("kind", ["environment", "token"])
def test_refused_credentials_are_one_line(whole_command, kaggle_server, kind):
    wrong = {"KAGGLE_KEY": "wrong"} if kind == "environment" else {"KAGGLE_API_TOKEN": "wrong"}
    done = whole_command("--target", "some-extra", "--push", credentials=kind, **wrong)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1 and len(errors) == 1
    assert "credentials" in errors[0] and "kaggle.com/settings" in errors[0]


def test_the_recipes_owner_comes_before_the_command_lines_before_the_credentials(whole_command, kaggle_server, project):
    kaggle_server.add_organisation("birds", {ME})
    kaggle_server.add_organisation("others", {ME})
    assert whole_command("--target", "some-extra", "--push", "--owner", "birds").returncode == 0
    assert list(kaggle_server.datasets) == ["birds/some-extra"]
    recipe = project / "kernel_templates/kernels.toml"
    recipe.write_text('owner = "others"\n' + recipe.read_text())
    assert whole_command("--target", "some-extra", "--push", "--owner", "birds").returncode == 0
    assert list(kaggle_server.datasets) == ["birds/some-extra", "others/some-extra"]


def test_somebody_elses_name_is_refused(whole_command, kaggle_server):
    kaggle_server.add_user("stranger", "key")
    done = whole_command("--target", "some-extra", "--push", "--owner", "stranger")
    assert done.returncode == 1 and "not allowed (403" in done.stderr


@pytest.mark.parametrize("credentials", ["environment", "token", "oauth"])
def test_no_secret_is_written_or_printed(whole_command, kaggle_server, project, tmp_path, credentials):
    environment = kaggle_server.environment(tmp_path / "looked-at", credentials=credentials)
    secrets = {value for name, value in environment.items() if name in ("KAGGLE_KEY", "KAGGLE_API_TOKEN")}
    for path in (tmp_path / "looked-at").rglob("*.json"):
        import json

        document = json.loads(path.read_text())
        secrets |= {value for name, value in document.items() if "token" in name or name == "key"}
    secrets = {value for value in secrets if isinstance(value, str) and len(value) > 3}
    assert secrets
    kaggle_server.script(f"{ME}/pk-train", status="ERROR")
    done = whole_command("--target", "train", "--push", "--wait", credentials=credentials)
    kaggle_server.fault("SaveKernel", status=401, times=None)
    refused = whole_command("--target", "train", "--push", "--force", credentials=credentials)
    said = done.stdout + done.stderr + refused.stdout + refused.stderr
    written = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert any(path.suffix == ".ipynb" for path in written) and any(path.name == "pushed.json" for path in written)
    for secret in secrets:
        assert secret not in said
        assert not [path for path, data in written.items() if secret.encode() in data]


def test_a_verbose_client_still_prints_no_secret(whole_command):
    done = whole_command("--target", "some-extra", "--push", VERBOSE="1")
    assert done.returncode == 0, done.stderr
    assert "Authorization" not in done.stdout + done.stderr


def test_the_client_is_not_needed_to_build(whole_command):
    done = whole_command("--target", "train", credentials=None)
    assert done.returncode == 0, done.stderr
    assert os.path.basename(done.stdout.split()[0]) == "train.ipynb"
