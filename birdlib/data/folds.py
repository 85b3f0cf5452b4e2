"""Folds: which recordings a model is trained on, and which it is validated on."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from birdlib.competition.rows import shown
from birdlib.errors import BirdlibError

ALWAYS_IN_TRAINING = -1
# What stands in the author column where nobody is known; two such recordings need not be the same person's.
_NOBODY = frozenset({"", "unknown", "anonymous", "anon", "none", "nan", "n/a", "na", "-", "?"})


def assign_folds(
    recordings: pd.DataFrame, *, n_folds: int, seed: int, rare_below: int = 2
) -> tuple[np.ndarray, list[str]]:
    """Shares recordings out: stratified by primary label, an author's never in two folds.

    Always in training (fold -1) are classes of fewer than ``rare_below`` authors, since they cannot be on both
    sides, and classes that would all be in one fold. What the same author recorded at the same place goes there
    with them, so that no session is ever on both sides. Recordings of unknown authors stand for themselves.

    Args:
        recordings: columns primary_label, author, place ("" where unknown: then the author alone tells a session).
        rare_below: authors, at least 2.

    Returns:
        int64 [recordings], 0 to n_folds - 1 or -1, and what a person should know.

    Raises:
        BirdlibError: the settings make no sense or there are too few authors for so many folds.
    """
    if n_folds < 2 or rare_below < 2:
        raise BirdlibError(f"n_folds = {n_folds}, rare_below = {rare_below}: both must be at least 2")
    labels = recordings["primary_label"].to_numpy()
    authors = _authors(recordings["author"])
    sessions = pd.factorize(pd.Series(list(zip(authors, recordings["place"], strict=True))))[0]
    authors_of = pd.Series(authors).groupby(labels).nunique()
    rare = authors_of.index[authors_of < rare_below]
    always = np.isin(sessions, sessions[np.isin(labels, rare)])
    folds = np.full(len(recordings), ALWAYS_IN_TRAINING, dtype=np.int64)
    folds[~always] = _stratified(labels[~always], authors[~always], n_folds, seed)

    spread = pd.Series(folds).groupby(labels).agg(["nunique", "max"])
    confined = spread.index[(spread["nunique"] == 1) & (spread["max"] >= 0)]
    folds[np.isin(sessions, sessions[np.isin(labels, confined)])] = ALWAYS_IN_TRAINING
    if empty := [str(fold) for fold in range(n_folds) if not (folds == fold).any()]:
        raise BirdlibError(f"n_folds = {n_folds}: no recording for fold {', '.join(empty)}; use fewer folds")
    notes = []
    reasons = {f"of fewer than {rare_below} authors": rare, "whose authors fell into one fold": confined}
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


def _authors(names: Sequence[str]) -> np.ndarray:
    """A number for each person, int64 [recordings]."""
    plain = [" ".join(name.split()).casefold() for name in names]
    people = [name if name not in _NOBODY else position for position, name in enumerate(plain)]
    return pd.factorize(pd.Series(people))[0]


def _stratified(labels: np.ndarray, authors: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    folds = np.empty(len(labels), dtype=np.int64)
    people = np.unique(authors)
    if len(people) < n_folds:
        raise BirdlibError(f"n_folds = {n_folds}: only {len(people)} authors to share out; use fewer folds")
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
            raise BirdlibError(f"n_folds = {n_folds}: {error} use fewer folds") from None
    return folds
