"""Runs on a machine where user namespaces are off, or are not wanted."""

from pathlib import Path

import pytest

from kernelgen.running import execution
from kernelgen.running.layouts import Mount

pytestmark = pytest.mark.xdist_group("runs")  # they count the processes of their runs

LINGER = "75319.0"


def test_it_is_said_loudly_and_the_kernel_runs_with_an_input_root(run, tools, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setattr(execution, "FENCES", ())
    wheel = tools.write_wheel(tmp_path / "wheels", "tinythree")
    ended = run(
        """
        import json, os, subprocess, sys
        from pathlib import Path
        facts = {"here": os.getcwd(), "environment": dict(os.environ), "prefix": sys.prefix}
        root = Path(os.environ["KAGGLE_INPUT_ROOT"])
        facts["inputs"] = [str(path.relative_to(root)) for path in root.glob("*/*/*/*")]
        """,
        "%pip install -q --no-index --find-links $root/datasets/owner/wheels tinythree",
        f"""
        import tinythree
        facts["installed"] = tinythree.__file__
        subprocess.Popen(["sh", "-c", "setsid sleep {LINGER} &"])
        json.dump(facts, open("facts.json", "w"))
        """,
        mounts=[Mount("dataset", "wheels", "owner", tmp_path / "wheels")],
    )
    assert ended.result.ok, ended.result.message
    said = capfd.readouterr().err
    assert "NOT ISOLATED" in said and "network" in said
    assert ended.facts["inputs"] == [f"datasets/owner/wheels/{wheel.name}"]
    assert ended.facts["here"] == str(ended.result.folder)
    assert ended.facts["installed"].startswith(ended.facts["prefix"])
    assert ended.facts["environment"]["KAGGLE_KERNEL_RUN_TYPE"] == "Batch"
    assert ended.facts["environment"]["HOME"] != str(Path.home())
    assert tools.left_of(LINGER) == []
    assert list(ended.scratch.iterdir()) == []


def test_where_namespaces_are_refused_the_reasons_are_said(run, tmp_path: Path, monkeypatch, capfd) -> None:
    refusing = tmp_path / "bin" / "unshare"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    bwrap = refusing.with_name("bwrap")
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", f"{refusing.parent}:/usr/sbin:/usr/bin:/sbin:/bin")
    ended = run("print('all the same')", time_limit_s=60)
    assert ended.result.ok, ended.result.message
    assert ended.printed() == "all the same\n"
    assert (
        "NOT ISOLATED: the run gets no root of its own (bwrap: No permissions to create a new namespace; unshare: "
        "unshare failed: Operation not permitted)"
    ) in capfd.readouterr().err
