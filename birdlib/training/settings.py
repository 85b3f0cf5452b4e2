"""What a training is asked to do, checked before anything else happens."""

import math
from dataclasses import asdict, dataclass

from birdlib.audio.padding import PADDINGS
from birdlib.data.prepared import FULL, SECONDARY
from birdlib.errors import BirdlibError
from birdlib.training.losses import DIVERGENCES
from birdlib.training.precision import PRECISIONS

# What may change when a training is resumed: the steps that are done would have been the same, or were the reason.
CHANGEABLE = ("epochs", "learning_rate", "precision", "clip_norm", "max_skipped")


@dataclass(frozen=True)
class TrainSettings:
    """The recipe of a training. Names are those of the notebook's settings, in lower case.

    Attributes:
        architecture: as ``birdlib.models`` names it.
        channels: inputs of the backbone, 1 or 3; 0 for the architecture's own.
        dropout, drop_path: shares, of the head and of the backbone.
        pretrained: whether the backbone starts from ImageNet.
        backbone_from_teacher: whether it starts from the teacher's backbone instead.
        epochs, batch_size: of one training; a batch is one optimiser step, over all devices.
        learning_rate, weight_decay: constant; no decay on normalisation layers.
        ema_decay: of the moving average of the weights; its warm-up is timm's.
        augmentations: steps in order, each a table with its name, its probability p and what else it takes.
        secondary: what secondary labels are, "target", "mask" or "ignore".
        padding: how short recordings fill a window.
        loss_shares: of BCE, KL(student || teacher) and KL(teacher || student) where there is a teacher.
        divergence: "bernoulli" or "categorical".
        precision: "auto", "bf16", "fp16" or "fp32".
        clip_norm: the norm that a step's gradients are scaled down to; 0 for no limit.
        max_skipped: steps in a row, skipped since their loss or gradients are not finite, that stop the training.
    """

    architecture: str
    channels: int
    dropout: float
    drop_path: float
    pretrained: bool
    backbone_from_teacher: bool
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    ema_decay: float
    augmentations: list[dict]
    secondary: str
    padding: str
    loss_shares: list[float]
    divergence: str
    precision: str
    clip_norm: float = 0.0
    max_skipped: int = 20

    def __post_init__(self) -> None:
        shares = self.loss_shares
        checks = {
            "channels": self.channels in (0, 1, 3),
            "dropout": 0 <= self.dropout < 1,
            "drop_path": 0 <= self.drop_path < 1,
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 2,  # batch norm needs two
            "learning_rate": 0 < self.learning_rate <= 1,
            "weight_decay": 0 <= self.weight_decay <= 1,
            "ema_decay": 0 <= self.ema_decay < 1,
            "loss_shares": len(shares) == 3 and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-6,
            "secondary": self.secondary in SECONDARY,
            "padding": self.padding in PADDINGS,
            "divergence": self.divergence in DIVERGENCES,
            "precision": self.precision in PRECISIONS,
            "clip_norm": 0 <= self.clip_norm < math.inf,
            "max_skipped": self.max_skipped >= 1,
        }
        wrong = [f"{name.upper()} = {getattr(self, name)!r}" for name, fits in checks.items() if not fits]
        if wrong:
            raise BirdlibError(f"settings out of range: {'; '.join(wrong)}")

    def recipe(self) -> dict:
        """As plain values, for checkpoints and manifests."""
        return asdict(self)


def read_members(seeds: list[int], folds: list[str], n_folds: int) -> tuple[list[int], list[int | str]]:
    """The seeds and the folds of the models to train; of folds, "0" becomes 0 and "full" stays.

    Raises:
        BirdlibError: a seed or a fold is none, or is named twice.
    """
    known = {str(fold): fold for fold in range(n_folds)} | {FULL: FULL}
    for fold in folds:
        if str(fold) not in known:
            raise BirdlibError(f'FOLDS: {fold!r} is none; expected "0" to "{n_folds - 1}", or "{FULL}"')
    for seed in seeds:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise BirdlibError(f"SEEDS: {seed!r} is not a whole number from 0 on")
    if not seeds or not folds or len(set(seeds)) < len(seeds) or len(set(map(str, folds))) < len(folds):
        raise BirdlibError(f"SEEDS = {seeds}, FOLDS = {folds}: name at least one of each, and none twice")
    return list(seeds), [known[str(fold)] for fold in folds]
