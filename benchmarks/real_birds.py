#!/usr/bin/env python3
"""What the recipe is worth on recordings of real sounds, at a scale that two cores carry. Prints a Markdown table.

    python benchmarks/real_birds.py birdmini --competition FOLDER --truth soundscape_labels.csv
    python benchmarks/real_birds.py esc10 --audio FOLDER

birdmini goes through the kernels mini-* of kernels.toml, each run as Kaggle runs it, from the recordings to
submission.csv, then scores every exported model alone and in groups. Of the competition's folder the kernels see
nothing but its audio, its metadata and its sample. esc10 trains mini-train's model with other augmentations.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from esc10 import esc10_as_competition, prepare_with_its_folds  # noqa: E402
from listening import floor_scores, member_scores, task_of  # noqa: E402
from trainings import front_end_of, settings_of, surroundings_of  # noqa: E402

from birdlib.competition.editions import edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.competition.rows import ROW_ID  # noqa: E402
from birdlib.competition.table import read_table  # noqa: E402
from birdlib.data.prepared import Prepared  # noqa: E402
from birdlib.evaluation.together import combine_out_of_fold  # noqa: E402
from birdlib.metrics.of_years import USUAL  # noqa: E402
from birdlib.metrics.ranking import MACRO_ROC_AUC, PADDED_CMAP  # noqa: E402
from birdlib.metrics.validation import validation_metrics  # noqa: E402
from birdlib.scores.prediction_tables import read_predictions  # noqa: E402
from birdlib.scores.predictions import Predictions  # noqa: E402
from birdlib.training.launch import train_members  # noqa: E402
from birdlib.training.members import Members  # noqa: E402
from birdlib.training.validation import OUT_OF_FOLD  # noqa: E402
from kernelgen.recipe import load_project  # noqa: E402

SLUG = "birdclef-2023"  # what the kernels call their competition
SEEN = ("train_metadata.csv", "sample_submission.csv", "train_audio", "test_soundscapes")
KERNELS = (
    "mini-prepare",
    "mini-train",
    "mini-distill",
    "mini-distill-time",
    "mini-export-teachers",
    "mini-export",
    "mini-submission",
)
TEACHERS, STUDENTS, TIME_STUDENTS = "teacher", "student", "student with attention head"
SUMIX = "sumix"


@dataclass(frozen=True)
class Scored:
    """A row of the table: several models' metrics one by one, or one ensemble's."""

    name: str
    cmap: tuple[float, ...]
    auc: tuple[float, ...]

    def line(self) -> str:
        return f"| {self.name} | {spread(self.cmap)} | {spread(self.auc)} |"


def spread(values: Sequence[float]) -> str:
    """One value, or mean, standard deviation and range of several."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    return f"{mean:.3f} ± {deviation:.3f} ({min(values):.3f} to {max(values):.3f})"


# ---------------------------------------------------------------- birdmini


def birdmini(competition: Path, truth: Path, out: Path, overrides: Sequence[str], *, run: bool) -> None:
    seen = out / "competition"
    if run:
        copy_without_truth(competition, seen)
        run_kernels(seen, out / "kernels", overrides)
    task = task_of(seen)
    wanted = aligned_truth(truth, task.plan.row_ids, task.plan.classes)
    project = load_project(ROOT, overrides)
    settings = project.with_overrides(project.kernels["mini-train"]).settings
    prepared = Prepared.read(out / "kernels" / "mini-prepare" / "run", CompetitionFiles(seen, edition("birdclef-2023")))

    started = time.perf_counter()
    groups: dict[str, dict[str, np.ndarray]] = {TEACHERS: {}, STUDENTS: {}, TIME_STUDENTS: {}}
    for kernel in ("mini-export-teachers", "mini-export"):
        for name, scores in member_scores(out / "kernels" / kernel / "run", task).items():
            groups[kind_of(name)][name] = scores
    floor = floor_scores(prepared, task, front_end_of(settings))
    print(f"\nEvery model heard {len(task.plan.row_ids)} windows in {time.perf_counter() - started:.0f} s\n")

    rows = [scored("floor: mel statistics, logistic regression", [floor], wanted)]
    for kind, models in groups.items():
        rows.append(scored(f"one {kind}, {len(models)} seeds", list(models.values()), wanted))
    for kind, models in groups.items():
        rows.append(scored(f"ensemble, {len(models)} of: {kind}", [mean_of(models)], wanted))
    students = groups[STUDENTS] | groups[TIME_STUDENTS]
    rows.append(scored(f"ensemble of all {len(students)} students (mini-submission)", [mean_of(students)], wanted))
    rows.append(scored("ensemble of all of them", [mean_of(groups[TEACHERS] | students)], wanted))
    write_each(groups, wanted, out / "birdmini-models.csv")

    submitted = submission_of(out / "kernels" / "mini-submission" / "run" / "submission.csv", task.plan)
    apart = float(np.abs(submitted - mean_of(students)).max())
    print("| | padded cmAP | macro ROC-AUC |\n| --- | ---: | ---: |")
    print(*(row.line() for row in rows), sep="\n")
    print(f"\nmini-submission's submission.csv is the ensemble of all students within {apart:.1e}")


def copy_without_truth(competition: Path, folder: Path) -> None:
    """What a kernel may see of the competition; whatever else lies in its folder (the truth, say) stays behind."""
    if missing := [name for name in SEEN if not (competition / name).exists()]:
        raise SystemExit(f"{competition}: {', '.join(missing)} missing; give the competition's folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in SEEN:
        if (competition / name).is_dir():
            shutil.copytree(competition / name, folder / name)
        else:
            shutil.copyfile(competition / name, folder / name)


def run_kernels(competition: Path, out: Path, overrides: Sequence[str]) -> None:
    command = [sys.executable, str(ROOT / "build_kernels.py"), "--run", "--out", str(out)]
    command += ["--target", ",".join(("openvino-wheels", *KERNELS)), "--input", f"{SLUG}={competition}"]
    command += ["--set", *overrides] if overrides else []
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SystemExit("a kernel failed; what it said is above")


def aligned_truth(path: Path, row_ids: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """The truth, 0/1 [rows, classes], in the submission's order."""
    table = read_table(path)
    if set(table[ROW_ID]) != set(row_ids) or set(table.columns) != {ROW_ID, *classes}:
        raise SystemExit(f"{path}: other rows or classes than the competition's sample_submission.csv")
    return table.set_index(ROW_ID).loc[list(row_ids), list(classes)].to_numpy(np.float64)


def submission_of(path: Path, plan) -> np.ndarray:
    return read_table(path).set_index(ROW_ID).loc[list(plan.row_ids), list(plan.classes)].to_numpy(np.float64)


def kind_of(name: str) -> str:
    """Which of the three a model is, by its name: students' begin with rkl."""
    if not name.startswith("rkl-"):
        return TEACHERS
    return TIME_STUDENTS if "-time-" in name else STUDENTS


def mean_of(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """The ensemble's probabilities: the mean of its models', as the submission has it."""
    return np.mean(list(scores.values()), axis=0, dtype=np.float64)


def scored(name: str, scores: Sequence[np.ndarray], truth: np.ndarray) -> Scored:
    return Scored(
        name,
        tuple(PADDED_CMAP(truth, one) for one in scores),
        tuple(MACRO_ROC_AUC(truth, one) for one in scores),
    )


def write_each(groups: Mapping[str, Mapping[str, np.ndarray]], truth: np.ndarray, path: Path) -> None:
    rows = [
        {"model": name, "kind": kind, **{one.key: one(truth, scores) for one in USUAL}}
        for kind, models in groups.items()
        for name, scores in models.items()
    ]
    pd.DataFrame(rows).round(4).to_csv(path, index=False)
    print(pd.DataFrame(rows).round(4).to_string(index=False), "\n")


# ---------------------------------------------------------------- ESC-10


def esc10(audio: Path, out: Path, epochs: int) -> None:
    files = esc10_as_competition(audio, out / "competition")
    prepared = prepare_with_its_folds(audio, files, out / "prepared")
    settings = load_project(ROOT).kernels["mini-train"].settings | {"epochs": epochs}
    sumix = [step for step in settings["augmentations"] if step["name"] == SUMIX]
    arms = {"with sumix": sumix, "without": []}
    tables = {}
    for arm, steps in arms.items():
        started = time.perf_counter(), time.process_time()
        tables[arm] = out_of_fold(prepared, settings | {"augmentations": steps}, out / arm.replace(" ", "-"))
        wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
        print(f"\n{arm}: {prepared.n_folds} models in {wall:.0f} s, {cpu:.0f} s of CPU")
    print("\n| | accuracy | padded cmAP | macro ROC-AUC |\n| --- | ---: | ---: | ---: |")
    for arm, (whole, folds) in tables.items():
        print(f"| {arm}, all {len(whole.row_ids)} out of fold | {accuracy(whole):.3f} | ", end="")
        metrics = metrics_of(whole)
        print(" | ".join(f"{metrics[one.key]:.3f}" for one in USUAL), "|")
        each = [metrics_of(fold) for fold in folds]
        cells = [[accuracy(fold) for fold in folds], *([metrics[one.key] for metrics in each] for one in USUAL)]
        print(f"| {arm}, fold by fold | {' | '.join(spread(cell) for cell in cells)} |")
    for arm, (_, folds) in tables.items():
        print(f"\n{arm}, accuracy of folds 1 to 5:", *(f"{accuracy(fold):.3f}" for fold in folds), end="")
    print()


def out_of_fold(prepared: Prepared, settings: Mapping, folder: Path) -> tuple[Predictions, list[Predictions]]:
    """A model for every fold, and what each says of the clips that it never heard: together, and one by one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    members = Members(settings_of(settings), settings["seeds"][:1], list(range(prepared.n_folds)))
    if not train_members(members, surroundings_of(prepared, settings, folder), 1):
        raise SystemExit("twelve hours were not enough")
    paths = [next(folder.glob(f"*-fold{fold}-*{OUT_OF_FOLD}")) for fold in range(prepared.n_folds)]
    return combine_out_of_fold(paths), [read_predictions(path) for path in paths]


def metrics_of(predictions: Predictions) -> dict[str, float | None]:
    return validation_metrics(predictions.truth, predictions.scores, predictions.weights)


def accuracy(heard: Predictions) -> float:
    """Share of clips whose highest score is their class's."""
    return float((heard.scores.argmax(axis=1) == heard.truth.argmax(axis=1)).mean())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    birds = commands.add_parser("birdmini", help="teacher, students and ensembles on soundscapes with known truth")
    birds.add_argument("--competition", type=Path, required=True, help="train_audio/, test_soundscapes/, tables")
    birds.add_argument("--truth", type=Path, required=True, help="the soundscapes' labels; no kernel sees them")
    birds.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="other settings: epochs=200")
    birds.add_argument("--no-run", action="store_true", help="score what the last run left in --out")
    sounds = commands.add_parser("esc10", help="the same model with sumix and without, over ESC-10's five folds")
    sounds.add_argument("--audio", type=Path, required=True, help="holds esc10.csv and audio/")
    sounds.add_argument("--epochs", type=int, default=10)
    for command in (birds, sounds):
        command.add_argument("--out", type=Path, default=ROOT / "build" / "real-birds", help="default: %(default)s")
    options = parser.parse_args()
    started = time.perf_counter()
    if options.command == "birdmini":
        birdmini(options.competition, options.truth, options.out.absolute(), options.set, run=not options.no_run)
    else:
        esc10(options.audio, options.out.absolute() / "esc10", options.epochs)
    print(f"{time.perf_counter() - started:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
