"""Folds: which recordings a model is trained on, and which it is validated on."""

import warnings

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from birdlib.competition.rows import one_line, shown
from birdlib.data.authors import people
from birdlib.errors import BirdlibError

ALWAYS_IN_TRAINING = -1


class _TooFew(Exception):
    """There are too few groups for so many folds."""


def assign_folds(
    recordings: pd.DataFrame, *, n_folds: int, seed: int, rare_below: int = 2
) -> tuple[np.ndarray, list[str]]:
    """Shares recordings out: stratified by primary label, an author's never in two folds.

    Always in training (fold -1) are classes of fewer than ``rare_below`` authors, since they cannot be on both
    sides, and classes that would all be in one fold. What the same author recorded at the same place goes there
    with them, so that no session is ever on both sides. Recordings of unknown authors stand for themselves.

    Where too few authors recorded more than one class in common, recordings are shared out one by one; where there
    are too few recordings too, all are always in training. Either is noted.

    Args:
        recordings: columns primary_label, author, place ("" where unknown: then the author alone tells a session),
            and filename where there is one (unknown authors' recordings of one stem are one upload).
        rare_below: authors, at least 2.

    Returns:
        int64 [recordings], 0 to n_folds - 1 or -1, and what a person should know.

    Raises:
        BirdlibError: the settings make no sense.
    """
    if n_folds < 2 or rare_below < 2:
        raise BirdlibError(f"n_folds = {n_folds}, rare_below = {rare_below}: both must be at least 2")
    authors = people(recordings["author"], recordings.get("filename"))
    sessions = pd.factorize(pd.Series(list(zip(authors, recordings["place"], strict=True))))[0]
    themselves = np.arange(len(recordings))
    notes = []
    for of_whom, parts, what in ((authors, sessions, "authors"), (themselves, themselves, "recordings")):
        try:
            folds, more_notes = _by_groups(
                recordings["primary_label"].to_numpy(), of_whom, parts, n_folds, seed, rare_below, what
            )
        except _TooFew as error:
            notes.append(f"n_folds = {n_folds}: {error}")
        else:
            if notes:
                notes.append(
                    "Recordings are shared out one by one: the same person is on both sides of a fold, and validation "
                    "looks better than the models are; fewer folds may keep people apart"
                )
            return folds, notes + more_notes
    notes.append('No folds: all recordings are always in training, and only folds = ["full"] can be trained')
    return np.full(len(recordings), ALWAYS_IN_TRAINING, dtype=np.int64), notes


def _by_groups(
    labels: np.ndarray, groups: np.ndarray, sessions: np.ndarray, n_folds: int, seed: int, rare_below: int, what: str
) -> tuple[np.ndarray, list[str]]:
    """Folds that no group is in two of, and notes; all but n_folds and seed are int or str [recordings].

    Raises:
        _TooFew: there are too few groups.
    """
    groups_of = pd.Series(groups).groupby(labels).nunique()
    rare = groups_of.index[groups_of < rare_below]
    always = np.isin(sessions, sessions[np.isin(labels, rare)])
    folds = np.full(len(labels), ALWAYS_IN_TRAINING, dtype=np.int64)
    if (count := len(np.unique(groups[~always]))) < n_folds:
        raise _TooFew(f"too few {what} ({count}, of labels with at least {rare_below} {what})")
    folds[~always] = _stratified(labels[~always], groups[~always], n_folds, seed)
    spread = pd.Series(folds).groupby(labels).agg(["nunique", "max"])
    confined = spread.index[(spread["nunique"] == 1) & (spread["max"] >= 0)]
    folds[np.isin(sessions, sessions[np.isin(labels, confined)])] = ALWAYS_IN_TRAINING
    if empty := [str(fold) for fold in range(n_folds) if not (folds == fold).any()]:
        raise _TooFew(f"too few {what} (none is left for fold {', '.join(empty)})")
    notes = []
    reasons = {f"of fewer than {rare_below} {what}": rare, f"whose {what} fell into one fold": confined}
    for why, which in reasons.items():
        if len(which):
            notes.append(f"{shown(list(which), 'label')} {why}: always in training, never validated")
    if together := int((folds == ALWAYS_IN_TRAINING).sum() - np.isin(labels, [*rare, *confined]).sum()):
        notes.append(f"{together:,} recordings of the same sessions are always in training with them")
    return folds, notes


def folds_table(recordings: pd.DataFrame) -> pd.DataFrame:
    """What each fold holds: a row per fold (-1: always in training), with recordings, hours, labels and authors.

    Args:
        recordings: columns fold (int), seconds, primary_label, author.
    """
    groups = recordings.groupby("fold")
    return pd.DataFrame(
        {
            "recordings": groups.size(),
            "hours": (groups["seconds"].sum() / 3600).round(2),
            "labels": groups["primary_label"].nunique(),
            "authors": groups["author"].nunique(),
        }
    )


def _stratified(labels: np.ndarray, authors: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    folds = np.empty(len(labels), dtype=np.int64)
    people = np.unique(authors)
    # scikit-learn below 1.8 loses the stratification when it is asked to shuffle (its issue 32478), so the
    # authors are put into a random order here: it decides between folds that would be equally good.
    order = np.empty(int(people.max()) + 1, dtype=np.int64)
    order[people] = np.random.default_rng(seed).permutation(len(people))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # birds are like that
        try:
            for fold, (_, held_out) in enumerate(StratifiedGroupKFold(n_folds).split(labels, labels, order[authors])):
                folds[held_out] = fold
        except ValueError as error:
            raise _TooFew(f"too few groups ({one_line(error).rstrip('.')})") from None
    return folds
