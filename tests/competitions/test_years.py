"""Every BirdCLEF by one switch: from the folder as Kaggle gives it to a submission that the year's rules accept."""

import csv
import functools
import json
import os
import re
import shutil
from dataclasses import replace

import nbformat
import pytest

from ..notebooks.conftest import ROOT, command, printed
from .checkers import check, constant_recordings
from .folders import HIDDEN, SOUNDSCAPE_ONLY, YEARS

CHAIN = ("mini-prepare", "mini-sed-train", "mini-sed-export", "mini-sed-submission")
SUBMISSION = "mini-sed-submission"
# The smallest training that gives a model and a validation; fold 0 is held back.
SMALL = ["epochs=1", "stages=[{}]", "seeds=[1]", 'folds=["0"]', "n_folds=3", "real_recordings=4"]
METRICS = {2021: "row-wise micro F1", 2022: "weighted accuracy", 2023: "padded cmAP"}  # then macro ROC-AUC


def of_years(*years):
    """A year's tests share its runs, and stay in one process."""
    return [pytest.param(year, marks=pytest.mark.xdist_group(f"birdclef-{year}"), id=str(year)) for year in years]


def run(kernels, out, made, folder, *arguments, settings=()):
    """Kernels of a year's competition, whose files are in ``folder``."""
    chosen = ["--target", kernels, "--out", out, "--run", "--input", f"{made.slug}={folder}"]
    # Half the years with each of Kaggle's layouts.
    layout = ["--layout", ("new", "old")[made.year % 2]]
    done = command(*chosen, *arguments, *layout, "--set", f"competition={made.slug}", *settings)
    done.folder = out / kernels.rpartition(",")[2] / "run"
    done.table = done.folder / "submission.csv"
    notebooks = sorted(out.glob("*/run/__notebook__.ipynb"))
    done.text = done.out + done.err + "".join(printed(nbformat.read(path, 4)) for path in notebooks)
    return done


@pytest.fixture(scope="session")
def chain(competition, tmp_path_factory):
    """All kernels of a year, from the folder of the commit run; in 2025 it lacks the empty test folder."""

    @functools.cache
    def of_year(year):
        made, out = competition(year), tmp_path_factory.mktemp(f"chain-{year}")
        folder = made.public
        if year == 2025:
            folder = out / "without-tests"
            shutil.copytree(made.public, folder, copy_function=os.link, ignore=lambda *_: {"test_soundscapes"})
        return run(",".join(CHAIN), out, made, folder, settings=SMALL)

    return of_year


@pytest.fixture(scope="session")
def submit(chain, competition, tmp_path_factory):
    """The year's submission on another folder; `rerun` as the hidden rerun."""

    def run_submission(year, folder, *, rerun, settings=()):
        weights = chain(year).folder.parents[1] / CHAIN[2] / "run"
        arguments = ["--input", f"weights={weights}", *(["--rerun"] if rerun else [])]
        out = tmp_path_factory.mktemp(f"submission-{year}")
        return run(SUBMISSION, out, competition(year), folder, *arguments, settings=settings)

    return run_submission


@pytest.fixture(scope="session")
def hidden_rerun(submit, competition):
    """The hidden rerun of a year's own folder."""
    return functools.cache(lambda year: submit(year, competition(year).hidden, rerun=True))


def copy_of(folder, target):
    """A folder that a test may spoil: its tables are copies, its audio is linked."""

    def copy(source, destination):
        (os.link if source.endswith(".ogg") else shutil.copyfile)(source, destination)

    return shutil.copytree(folder, target, copy_function=copy)


def edit(path, change):
    """Changes a table's lines, the header first: lists of cells."""
    with open(path, newline="", encoding="utf-8") as file:
        lines = change(list(csv.reader(file)))
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


# ---------------------------------------------------------------- each year, in both forms


@pytest.mark.parametrize("year", of_years(*YEARS))
def test_the_commit_run_leaves_a_submission_that_the_years_rules_accept(chain, competition, year):
    made, done = competition(year), chain(year)
    assert done.status == 0, done.text
    problems = [check(year, done.table, rows, made.classes) for rows in made.public_rows]
    assert [] in problems, problems


@pytest.mark.parametrize("year", of_years(*YEARS))
def test_the_hidden_rerun_leaves_a_submission_that_the_years_rules_accept(hidden_rerun, competition, year):
    made, done = competition(year), hidden_rerun(year)
    assert done.status == 0, done.text
    assert check(year, done.table, made.rows, made.classes) == []
    whole = [stem for stem in HIDDEN[year] if stem != made.broken]
    assert constant_recordings(year, done.table, whole) == []
    assert f"{made.broken}.ogg" in done.text  # a broken recording is named, and costs its own rows only


@pytest.mark.parametrize("year", of_years(*YEARS))
def test_models_and_their_blend_are_judged_by_the_years_metric(chain, year):
    metric, done = METRICS.get(year, "macro ROC-AUC"), chain(year)
    blend = json.loads((done.folder / "cross_validation.json").read_text(encoding="utf-8"))
    assert blend["name"].startswith(f"{metric} of the blend of 1 model") and 0 <= blend["score"] <= 1
    assert f"{metric} on " in done.text  # by which the submission puts its members in order


@pytest.mark.parametrize("year", of_years(2021, 2022))
def test_thresholds_are_fitted_on_what_a_model_said_in_validation(chain, year):
    assert chain(year).status == 0 and "the thresholds are 0.5" not in chain(year).text


@pytest.mark.xdist_group("birdclef-2026")
def test_classes_without_a_recording_of_their_own_learn_from_soundscapes(chain, competition):
    text = chain(2026).text
    assert f"2 classes ({', '.join(SOUNDSCAPE_ONLY[2026])}) without a recording of its own" in text
    clips, held_back = re.search(r"(\d+) clips to learn from, (\d+) recordings held back", text).groups()
    recordings = len(list((competition(2026).public / "train_audio").rglob("*.ogg")))
    assert int(clips) > recordings - int(held_back)


# ---------------------------------------------------------------- bad input


def remove(*names):
    def spoil(folder):
        for name in names:
            (folder / name).unlink()

    return spoil


def without_last_class(folder):
    edit(folder / "sample_submission.csv", lambda lines: [line[:-1] for line in lines])


def with_rows(table, *rows):
    return lambda folder: edit(folder / table, lambda lines: [*lines, *(row(lines[1]) for row in rows)])


# year, what is wrong, what is said, and whether the commit run stops.
OF_TRAINING = {
    "no metadata": (2025, remove("train.csv"), ("train.csv",), True),
    "a label in no list": (2023, without_last_class, ("1 primary label (", "not among the 7 classes"), False),
    "labels of a soundscape that is not there, and of no class": (
        2026,
        with_rows(
            "train_soundscapes_labels.csv",
            lambda row: ["BC2026_Train_7777_S22_20220101_000000.ogg", *row[1:]],
            lambda row: [*row[:3], "nobird2;22930"],
        ),
        ("BC2026_Train_7777_S22_20220101_000000", "nobird2"),
        False,
    ),
}
OF_SUBMISSION = {
    "no table of rows": (2021, remove("test.csv", "sample_submission.csv"), ("test.csv",), ()),
    "rows of a recording that is not there": (
        2023,
        with_rows("sample_submission.csv", *(lambda row, end=end: [f"nowhere_{end}", *row[1:]] for end in (5, 10))),
        ("nowhere_5",),
        ("nowhere_5", "nowhere_10"),
    ),
}


def by_year(faults):
    return [
        pytest.param(*fault, marks=pytest.mark.xdist_group(f"birdclef-{fault[0]}"), id=name)
        for name, fault in faults.items()
    ]


def said_in_one_line(done, words):
    lines = [line for line in done.err.splitlines() if "BirdlibError: " in line]
    assert done.status == 1 and len(lines) == 1, done.text
    assert all(word in lines[0] for word in words), lines


@pytest.mark.parametrize(("year", "spoil", "words", "stops"), by_year(OF_TRAINING))
def test_bad_training_data_is_one_clear_line(competition, tmp_path, year, spoil, words, stops):
    folder = copy_of(competition(year).public, tmp_path / "bad")
    spoil(folder)
    done = run("mini-prepare", tmp_path / "out", competition(year), folder)
    if stops:
        said_in_one_line(done, words)
    else:
        assert done.status == 0 and all(word in done.text for word in words), done.text


@pytest.mark.parametrize(("year", "spoil", "words", "more"), by_year(OF_SUBMISSION))
def test_a_bad_request_is_one_clear_line_and_in_the_rerun_a_valid_file(
    competition, submit, tmp_path, year, spoil, words, more
):
    made = competition(year)
    for folder, rerun in ((made.public, False), (made.hidden, True)):
        folder = copy_of(folder, tmp_path / folder.name)
        spoil(folder)
        done = submit(year, folder, rerun=rerun)
        if not rerun:
            said_in_one_line(done, words)
    assert done.status == 0, done.text
    assert check(year, done.table, [*made.rows, *more], made.classes) == []
    assert all(word in done.text for word in words)


@pytest.mark.xdist_group("birdclef-2023")
def test_a_folder_of_another_year_is_one_clear_line_and_in_the_rerun_a_valid_file(competition, submit):
    other = competition(2025)
    words = ("birdclef-2023", "looks like birdclef-2025", "--set competition=birdclef-2025")
    said_in_one_line(submit(2023, other.public, rerun=False), words)
    done = submit(2023, other.hidden, rerun=True)
    assert done.status == 0 and "looks like birdclef-2025" in done.text, done.text
    assert check(2025, done.table, other.rows, other.classes) == []


# ---------------------------------------------------------------- a competition of tomorrow

TOMORROW = """
    Edition(
        slug="birdclef-2027",
        title="BirdCLEF 2027",
        classes=8,
        soundscapes=500,
        soundscape_seconds=60,
        time_limit_minutes=60,
        metric=MACRO_ROC_AUC,
        metadata="recordings.csv",
        train_audio="train_clips",
    ),
"""


@pytest.mark.xdist_group("birdclef-2024")
def test_one_more_entry_is_all_that_a_competition_of_tomorrow_needs(competition, tmp_path):
    project = tmp_path / "project"
    for name in ("birdlib", "kernel_templates", "datasets"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    editions = project / "birdlib" / "competition" / "editions.py"
    head, mark, rest = editions.read_text(encoding="utf-8").partition("EDITIONS = (")
    editions.write_text(head + mark + TOMORROW + rest, encoding="utf-8")
    made = replace(competition(2024), year=2027)
    folder = shutil.copytree(made.public, tmp_path / "folder", copy_function=os.link)
    (folder / "train_metadata.csv").rename(folder / "recordings.csv")
    (folder / "train_audio").rename(folder / "train_clips")
    settings = ['architectures=["test_resnet"]', 'heads=[{name = "pooled"}]', "real_recordings=4"]
    out = tmp_path / "out"
    done = run("mini-prepare,untrained", out, made, folder, "--project", project, settings=settings)
    assert done.status == 0, done.text
    weights = f"weights={out / 'untrained' / 'run'}"
    done = run("submission", out, made, folder, "--project", project, "--input", weights)
    assert done.status == 0 and "limit of 60" in done.text, done.text
    assert check(2027, done.table, made.public_rows[0], made.classes) == []
