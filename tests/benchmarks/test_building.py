"""What building every kernel costs: the table, what is counted, and what a failure says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kernelgen.recipe import load_project

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def building(script):
    return script("building")


def rows_of(table):
    """Name to median, smallest and largest."""
    rows = re.findall(r"^\| (.+?) \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|$", table, re.MULTILINE)
    return {name: tuple(map(float, values)) for name, *values in rows}


# ---------------------------------------------------------------- the table


def test_the_ratio_is_the_quotient_of_the_two_times_and_the_kernels_were_built():
    command = [sys.executable, str(ROOT / "benchmarks" / "building.py"), "--repeats", "1", "--target", "demo-*"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    (imports, kernels, ratio), titles = rows.values(), list(rows)
    demo = [name for name in load_project(ROOT).kernels if name.startswith("demo-")]
    assert titles[1] == f"every kernel, {len(demo)} of them"
    assert all(median == least == most for median, least, most in rows.values()), "one repeat has no spread"
    rounded = 0.005
    assert (kernels[0] - rounded) / (imports[0] + rounded) - rounded <= ratio[0]
    assert ratio[0] <= (kernels[0] + rounded) / (imports[0] - rounded) + rounded
    assert all(package in titles[0] for package in ("jinja2", "nbformat", "jupytext", "pydantic"))


def test_of_several_repeats_the_median_lies_between_the_extremes(building, tmp_path, monkeypatch, capsys):
    # Another project: each call works longer than the one before, by far more than what disturbs it: 0.1 s, 0.2 s, 0.3 s ...
    (tmp_path / "build_kernels.py").write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "out = Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "calls = Path(__file__).with_name('calls')\n"
        "calls.write_text((calls.read_text() if calls.exists() else '') + 'x')\n"
        "for name in ('one', 'two', 'three'):\n"
        "    (out / name).mkdir(parents=True, exist_ok=True)\n"
        "    (out / name / f'{name}.ipynb').write_text('')\n"
        "while time.process_time() < 0.1 * len(calls.read_text()):\n"
        "    pass\n"
    )
    monkeypatch.setattr(building, "ROOT", tmp_path)
    monkeypatch.setattr(building, "IMPORTS", "import json")
    monkeypatch.setattr(sys, "argv", ["building.py", "--repeats", "3"])
    assert building.main() == 0
    rows = rows_of(capsys.readouterr().out)
    median, least, most = rows["every kernel, 3 of them"]
    assert 0.2 <= least < 0.3 <= median < 0.4 <= most, "the first call only compiles; three repeats follow"
    imports = rows["`import json`"]
    assert imports[1] <= imports[0] <= imports[2]
    assert rows["times the imports"][1] <= rows["times the imports"][0] <= rows["times the imports"][2]
    assert (tmp_path / "calls").read_text() == "x" * 4


# ---------------------------------------------------------------- what is counted


def test_the_time_of_what_a_command_starts_counts_too(building):
    work = "import time\nwhile time.process_time() < 0.3: pass"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {work!r}], check=True)"
    assert building.cpu_seconds([sys.executable, "-S", "-c", start], ENVIRONMENT) >= 0.3


def test_waiting_does_not_count(building):
    command = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(1.5)"]
    assert building.cpu_seconds(command, ENVIRONMENT) < 1.5


def test_what_a_command_says_stays_out_of_the_table(building, capfd):
    say = "import sys; print('progress'); print('a warning', file=sys.stderr)"
    building.cpu_seconds([sys.executable, "-S", "-c", say], ENVIRONMENT)
    assert capfd.readouterr() == ("", "")


# ---------------------------------------------------------------- what a failure says


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"], ids=["error", "killed"])
def test_a_command_that_fails_is_named_and_nothing_is_measured(building, end):
    with pytest.raises(SystemExit) as stopped:
        building.cpu_seconds([sys.executable, "-S", "-c", end], ENVIRONMENT)
    (line,) = stopped.value.code.splitlines()
    assert line.startswith(f"{sys.executable} -S -c {end}: failed")


def test_a_build_that_fails_ends_the_benchmark_without_a_table(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    shutil.copy(ROOT / "benchmarks" / "building.py", tmp_path / "benchmarks")
    (tmp_path / "build_kernels.py").write_text("raise SystemExit('no such kernel')")
    command = [sys.executable, str(tmp_path / "benchmarks" / "building.py"), "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{tmp_path / 'build_kernels.py'} --target all" in done.stderr and "failed" in done.stderr
    assert "Traceback" not in done.stderr
