"""The teacher of a distillation: finished models of the same fold."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.weights.checkpoint import Checkpoint, checkpoints_in, first_not_finite, load_checkpoint


class Teacher(nn.Module):
    """One model, or the mean of several, in evaluation mode; it does not learn."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models).eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, mel: torch.Tensor, parts: int = 1) -> torch.Tensor:
        """float [batch, 1, n_mels, parts * frames] to float32 logits [batch, classes]."""
        logits = [model.scores(mel, parts).float() for model in self.models]
        if len(logits) == 1:
            return logits[0]
        return torch.stack([of_teacher.sigmoid() for of_teacher in logits]).mean(0).logit(eps=1e-6)


def find_teachers(
    folders: Sequence[Path],
    *,
    fold: int | str,
    classes: tuple[str, ...],
    front_end: FrontEnd,
    data_version: str,
) -> list[Checkpoint]:
    """The checkpoints that may teach a student of this fold: those that saw that fold's training part only.

    Raises:
        BirdlibError: there is none of this fold, or one is unfinished, or learnt other classes, another front end,
            or folds of other data.
    """
    paths = [path for folder in folders for path in checkpoints_in(folder)]
    if not paths:
        raise BirdlibError(f"no teacher: there is no *.last.pt in {', '.join(map(str, folders))}; train one first")
    teachers = []
    folds = set()
    for path in paths:
        teacher = load_checkpoint(path)
        folds.add(str(teacher.fold))
        if teacher.fold != fold:
            continue
        for what, matches in (
            (f"is not finished (epoch {teacher.epoch}); train it to its end", teacher.finished),
            ("knows other classes; train it on this competition", teacher.classes == classes),
            (f"hears through another front end, {teacher.front_end}", teacher.front_end == front_end),
            (
                "learnt from another version of the prepared data, whose folds differ, so it may have heard what the "
                "student is judged by; train both on one version",
                teacher.data_version == data_version,
            ),
            ("has weights that are not finite; train it anew", first_not_finite(teacher.ema) is None),
        ):
            if not matches:
                raise BirdlibError(f"teacher {teacher.name}: {what}")
        teachers.append(teacher)
    if not teachers:
        raise BirdlibError(
            f"no teacher of fold {fold!r}: those attached are of {', '.join(sorted(folds))}, and a teacher of another "
            "fold has heard what the student is judged by; train one of this fold"
        )
    return teachers


def build_teacher(checkpoints: Sequence[Checkpoint]) -> Teacher:
    """The averaged weights of the checkpoints as one teacher."""
    models = []
    for one in checkpoints:
        model = one.build()
        model.load_state_dict(one.ema)
        models.append(model)
    return Teacher(models)
