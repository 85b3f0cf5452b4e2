"""Pre-training on the classes of two years, then training on this year's, from the folders to a checkpoint."""

import pytest
import torch

from ..birdlib.clip_sources.years import OURS, THEIRS, make_year
from .conftest import command, notebook, printed

pytestmark = pytest.mark.xdist_group("several years")  # the tests share a chain

KERNELS = "mini-prepare,years-mini-*"


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    """The chain, on recordings of noise; one of the other year's is one of this year's, too."""
    folder = tmp_path_factory.mktemp("years")
    ours = [(label, f"XC1{n}{p}", f"Person {p}", 10 * n + p) for n, label in enumerate(OURS) for p in range(3)]
    theirs = [
        (label, f"XC2{n}{p}", f"Stranger {p}", 100 + 10 * n + p) for n, label in enumerate(THEIRS) for p in (0, 1)
    ]
    make_year(folder / "this", OURS, ours)
    make_year(folder / "other", THEIRS, [*theirs, ("corcor", "XC110", "Person 0", 10)], form="targets")
    inputs = [f"birdclef-2023={folder / 'this'}", f"birdclef-2022={folder / 'other'}"]
    options = [part for text in inputs for part in ("--input", text)]
    done = command("--target", KERNELS, "--out", folder, "--run", *options, "--set", "epochs=1", "stall_minutes=5.0")
    assert done.status == 0, done.out + done.err
    done.out = folder
    return done


def checkpoint(years, kernel):
    (path,) = (years.out / kernel / "run").glob("*.last.pt")
    return torch.load(path, weights_only=True)


def test_all_classes_are_learnt_first_and_then_this_years(years):
    first, then = (checkpoint(years, f"years-mini-{name}") for name in ("pretrain", "train"))
    assert first["classes"] == [*OURS, "eurmag"] and then["classes"] == list(OURS)
    assert first["finished"] and then["finished"]
    assert f"starts from {first['name']} (3 of 3 classes known)" in printed(notebook(years, "years-mini-train"))


def test_the_notebook_shows_how_classes_join_and_what_is_left_out(years):
    text = printed(notebook(years, "years-mini-pretrain"))
    assert "birdclef-2022: how its classes join; new ones to learn: 1" in text
    assert "birdclef-2022: under another label: corcor = comrav, grefin = eurgre1" in text
    assert "birdclef-2022: 8 of 9 recordings to learn from; left out: 1 that are this year's, too" in text
    assert "fold full: 17 clips to learn from" in text and "4 classes, data version" in text
