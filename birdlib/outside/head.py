"""A linear head on the embeddings of an outside model, beside its own logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits

from birdlib.competition.class_lists import ClassJoin
from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import MACRO_ROC_AUC
from birdlib.outside.outside_model import Outputs
from birdlib.outside.scores import load_arrays, save_arrays

HEAD = "head.npz"
_STEPS = 100  # of L-BFGS at most; it ends before, where a step gains next to nothing


@dataclass(frozen=True)
class Head:
    """Class logits from an outside model's outputs: its own logits, plus what the embedding adds to them.

    A class that the outside model does not know is predicted from the embedding alone.

    Attributes:
        classes: labels of the logits.
        mean, scale: of the embedding, by which it is standardised, float64 [size].
        weight: float64 [size, classes].
        bias: float64 [classes].
    """

    classes: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, own: np.ndarray, embedding: np.ndarray) -> np.ndarray:
        """Logits float32 [rows, classes].

        Args:
            own: the outside model's logits of the same classes, float [rows, classes]; 0 where it does not know one.
            embedding: float [rows, size].
        """
        return (own + (embedding - self.mean) / self.scale @ self.weight + self.bias).astype(np.float32)

    def of_outputs(self, outputs: Outputs, join: ClassJoin) -> np.ndarray:
        """Logits float32 [rows, classes] from a model's outputs for rows; ``join`` brings its classes to the head's."""
        return self(own_logits(join.take(outputs.logits), join.joined.labels, self.classes), outputs.embedding)

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        arrays = {name: getattr(self, name) for name in ("mean", "scale", "weight", "bias")}
        save_arrays(folder / HEAD, classes=np.array(self.classes, np.str_), **arrays)

    @classmethod
    def read(cls, folder: Path) -> "Head | None":
        """Read what ``save`` wrote; None where a folder has no head.

        Raises:
            BirdlibError: the file is damaged.
        """
        if not (folder / HEAD).is_file():
            return None
        arrays = load_arrays(folder / HEAD, "classes", "mean", "scale", "weight", "bias")
        return cls(**arrays | {"classes": tuple(arrays["classes"].tolist())})


@dataclass(frozen=True)
class HeadRows:
    """What a head learns from.

    Attributes:
        classes: of the columns.
        recordings: by row, the recording that it is of.
        fold: int [rows]; -1 for rows that are never held back.
        own: the outside model's logits, float32 [rows, classes]; 0 where it does not know the class.
        embedding: float [rows, size].
        targets: float32 [rows, classes].
        known: bool [rows, classes]; what is not known stays out of the loss.
    """

    classes: tuple[str, ...]
    recordings: np.ndarray
    fold: np.ndarray
    own: np.ndarray
    embedding: np.ndarray
    targets: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.recordings)

    def take(self, rows: np.ndarray) -> "HeadRows":
        """Some of the rows, bool [rows] or their numbers."""
        columns = ("recordings", "fold", "own", "embedding", "targets", "known")
        return HeadRows(self.classes, *(getattr(self, name)[rows] for name in columns))


def own_logits(logits: np.ndarray, known: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Logits of some classes, [rows, known], as columns of all classes, 0 for the others: float32 [rows, classes]."""
    own = np.zeros((len(logits), len(classes)), np.float32)
    own[:, [list(classes).index(label) for label in known]] = logits
    return own


def train_head(rows: HeadRows, l2: float) -> Head:
    """The head of the smallest binary cross-entropy, summed over classes, with a penalty on its weights.

    The problem is convex, and starts from the outside model as it is.

    Args:
        l2: the penalty is half of it times the sum of squared weights, per row of the data.

    Raises:
        BirdlibError: there is no row.
    """
    if not len(rows):
        raise BirdlibError("a head needs rows to learn from; there is none")
    embedding = rows.embedding.astype(np.float64)
    mean, scale = embedding.mean(axis=0), (embedding.std(axis=0) + 1e-3) * np.sqrt(embedding.shape[1])
    inputs = (embedding - mean) / scale
    shape = (inputs.shape[1] + 1, len(rows.classes))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        layer = values.reshape(shape)
        logits = inputs @ layer[:-1] + layer[-1] + rows.own
        entropy = (np.logaddexp(0, logits) - rows.targets * logits) * rows.known
        slope = (expit(logits) - rows.targets) * rows.known
        gradient = np.concatenate([inputs.T @ slope + l2 * layer[:-1], slope.sum(axis=0, keepdims=True)])
        total = entropy.sum() + 0.5 * l2 * (layer[:-1] ** 2).sum()
        return total / len(rows), gradient.ravel() / len(rows)

    options = {"maxiter": _STEPS, "ftol": 1e-6}
    with threadpool_limits(1):  # so that no number depends on the machine's cores
        done = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options)
    layer = done.x.reshape(shape)
    return Head(rows.classes, mean, scale, layer[:-1], layer[-1])


def cross_validate(rows: HeadRows, penalties: Sequence[float]) -> pd.DataFrame:
    """Score heads of several penalties on recordings that they have not learnt from.

    Returns:
        By penalty, "as it is" for the outside model without a head: the cross-entropy of a row, and the macro ROC-AUC
        over recordings, by the largest logit of each. Empty where the rows have no folds.
    """
    folds = sorted(set(rows.fold.tolist()) - {-1})
    held = rows.take(rows.fold >= 0)
    if len(folds) < 2:
        return pd.DataFrame(columns=["cross-entropy", "macro ROC-AUC"])
    table = {"as it is": _scores(held, held.own)}
    for l2 in penalties:
        logits = np.empty(held.own.shape, np.float32)
        for fold in folds:
            part = held.fold == fold
            head = train_head(rows.take(rows.fold != fold), l2)
            logits[part] = head(held.own[part], held.embedding[part])
        table[f"{l2:g}"] = _scores(held, logits)
    return pd.DataFrame(table, index=["cross-entropy", "macro ROC-AUC"]).T.rename_axis("l2")


def best_penalty(table: pd.DataFrame, penalties: Sequence[float]) -> float:
    """The penalty of the smallest cross-entropy; without a table the middle one."""
    if table.empty:
        return sorted(penalties)[len(penalties) // 2]
    entropy: Mapping[str, float] = table["cross-entropy"].to_dict()
    return min(penalties, key=lambda l2: entropy[f"{l2:g}"])


def _scores(rows: HeadRows, logits: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy of a row, over classes summed, and macro ROC-AUC over recordings."""
    entropy = ((np.logaddexp(0, logits) - rows.targets * logits) * rows.known).sum(axis=1).mean()
    names, place = np.unique(rows.recordings, return_inverse=True)
    largest = np.full((len(names), len(rows.classes)), -np.inf)
    np.maximum.at(largest, place, logits)
    truth = np.zeros(largest.shape)
    np.maximum.at(truth, place, rows.targets)
    area = MACRO_ROC_AUC(truth > 0, expit(largest))
    return float(entropy), np.nan if area is None else area
