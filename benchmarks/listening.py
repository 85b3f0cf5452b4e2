"""Trained models and a floor on the same soundscapes: whose scores a table of results compares."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from birdlib.audio.recording import read_clip
from birdlib.audio.recordings import probe, read_windows
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.ensemble.members import CompiledMember, load_members
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.scores.score_table import ScoreTable
from birdlib.submission.preparation import Task, prepare
from birdlib.submission.windows import Windows

# A recording's windows that the floor learns from: without a limit the long ones would outvote all others.
WINDOWS_OF_ONE = 12


def task_of(competition: Path) -> Task:
    """The rows that a competition asks for and their soundscapes; what is broken among them stops the benchmark."""
    task = prepare(CompetitionFiles(competition, edition("demo")), Path("submission.csv"))
    if task.problems or not task.soundscapes:
        raise SystemExit(f"{competition}: {task.problems[0] if task.problems else 'no test_soundscapes to score'}")
    return task


def member_scores(weights: Path, task: Task) -> dict[str, np.ndarray]:
    """Every exported model of a folder alone, over all rows: its probabilities, float32 [rows, classes]."""
    members = load_members(weights, task.plan.classes, _raise)
    scores = {}
    with tempfile.TemporaryDirectory() as scratch:
        front_ends = [one.entry.front_end for one in members]
        windows = Windows(task.soundscapes, front_ends, Path(scratch), _raise, members[0].entry.padding)
        for member in members:
            logits = np.full((len(task.plan.row_ids), len(member.outputs)), np.nan, np.float32)
            compiled = CompiledMember(member, precision="f32", batch_size=4)
            for _ in compiled.predict(windows.blocks(member.entry.front_end), logits):
                pass
            table = ScoreTable(member.name, task.plan.row_ids, member.classes, logits)
            known = table.probabilities([label.strip() for label in task.plan.classes])
            unknown = ~np.isin(np.char.strip(np.array(task.plan.classes)), table.classes)
            scores[member.name] = np.where(unknown, np.float32(0), known)
    return scores


def floor_scores(prepared: Prepared, task: Task, front_end: FrontEnd) -> np.ndarray:
    """What needs no network: statistics of the mel bands and a logistic regression, float32 [rows, classes]."""
    windows, labels = [], []
    for _, recording in prepared.recordings.iterrows():
        whole = np.arange(0, max(recording["seconds"] - front_end.window_seconds, 0) + 1e-9, front_end.window_seconds)
        info = probe(prepared.audio / recording["filename"])
        for start in whole[:WINDOWS_OF_ONE]:
            wave = read_clip(info, start, front_end.window_seconds, front_end.sample_rate)
            windows.append(np.resize(wave, front_end.samples))
            labels.append(recording["primary_label"])
    model = floor_model().fit(band_statistics(windows, front_end), labels)
    scores = np.zeros((len(task.plan.row_ids), len(task.plan.classes)), np.float32)
    columns = pd.Index(task.plan.classes).get_indexer(model.classes_)
    for one in task.soundscapes:
        waves, _ = read_windows(
            one.path,
            one.ends,
            window_seconds=front_end.window_seconds,
            sample_rate=front_end.sample_rate,
            padding="cyclic",
        )
        scores[np.ix_(one.rows, columns)] = model.predict_proba(band_statistics(waves, front_end))
    return scores


def floor_model() -> Pipeline:
    """Of ``band_statistics``, which did best out of fold on the training recordings; C is scikit-learn's default."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def band_statistics(windows: Sequence[np.ndarray], front_end: FrontEnd) -> np.ndarray:
    """Mean, deviation and maximum of each mel band over time, float32 [windows, 3 * n_mels]."""
    mel = MelSpectrogram(front_end)
    found = []
    for start in range(0, len(windows), 16):
        with torch.inference_mode():
            bands = mel(torch.from_numpy(np.stack(windows[start : start + 16]))).squeeze(1)
        found.append(torch.cat([bands.mean(2), bands.std(2), bands.amax(2)], dim=1).numpy())
    return np.concatenate(found)


def _raise(error: Exception) -> None:
    raise error
