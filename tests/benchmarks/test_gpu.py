"""The script for a CUDA card, rehearsed on a CPU."""

import re
from argparse import Namespace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gpu(script):
    return script("gpu")


def test_the_script_runs_every_section_that_there_is(gpu):
    wanted = re.findall(r"^section (\S+)", (ROOT / "benchmarks/gpu.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted([*wanted, "one-member"]) == sorted(gpu.SECTIONS)


def test_its_sections_print_tables(gpu, tmp_path, capsys):
    scale = gpu.scale_of(tiny=True)
    options = Namespace(work=tmp_path, competition=None, pretrained=None, seconds=30.0)
    tables = {}
    for name in ("prepare", "speed", "data", "resume"):
        gpu.SECTIONS[name](scale, options)
        tables[name] = capsys.readouterr().out
    assert "48 recordings of competition" in tables["prepare"]
    assert re.search(r"\| test_resnet, bf16 \| \d+ \| \d+ \| \d+ \|", tables["speed"])
    shares = re.findall(r"\| test_resnet \| [01] \| \d+ \| \d+ \| (\d\.\d+) \| \d+% \|", tables["data"])
    assert len(shares) == 2 and all(0 < float(share) < 3 for share in shares)
    assert "| model | 0.0e+00 |\n| ema | 0.0e+00 |" in tables["resume"]
