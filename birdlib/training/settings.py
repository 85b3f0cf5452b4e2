"""What a training is asked to do, checked before anything else happens."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

from birdlib.audio.padding import PADDINGS
from birdlib.augmentation.recipe import read_steps
from birdlib.clip_sources.clip_context import ClipContext
from birdlib.components import component
from birdlib.data.clip_table import ClipTable, join_tables
from birdlib.data.prepared import FULL, SECONDARY, Prepared
from birdlib.errors import BirdlibError
from birdlib.losses.weighted_sum import WeightedSum
from birdlib.models.variant import variant
from birdlib.training.precision import PRECISIONS
from birdlib.weights.checkpoint import Checkpoint
from birdlib.weights.names import model_name

# What may change when a training is resumed: the steps that are done would have been the same, or were the reason.
CHANGEABLE = ("precision", "max_skipped", "validate_every", "deterministic")
CHANGEABLE_IN_STAGE = ("epochs", "learning_rate", "clip_norm")  # of the stage that is not done yet
PREVIOUS = {"name": "previous"}  # the start of a stage that goes on with the averaged weights of the one before


@dataclass(frozen=True)
class Stage:
    """One stage of a training: what it learns from, how, and for how long.

    Attributes:
        epochs: of this stage.
        clips: tables of ``birdlib.clip_sources``, joined.
        sampler: a table of ``birdlib.samplers``, which draws an epoch's clips.
        augmentations: steps in order, each a table with its name, its probability p and what else it takes.
        loss: tables of ``birdlib.losses``, each with its weight, added up.
        start: a table of ``birdlib.starts``; of later stages, usually ``previous``.
        learning_rate, schedule: a table of ``birdlib.schedules``, which scales the rate.
        weight_decay: none on normalisation layers.
        betas: of AdamW, for its averages of the gradients and of their squares.
        clip_norm: the norm that a step's gradients are scaled down to; 0 for no limit.
        ema_decay: of the moving average of the weights.
        ema_warm_up: whether the average begins with a smaller decay, timm's 1 - step ** -0.75.
    """

    epochs: int
    clips: Sequence[dict]
    sampler: dict
    augmentations: Sequence[dict]
    loss: Sequence[dict]
    start: dict
    learning_rate: float
    schedule: dict
    weight_decay: float
    betas: Sequence[float]
    clip_norm: float
    ema_decay: float
    ema_warm_up: bool

    def __post_init__(self) -> None:
        checks = {
            "epochs": self.epochs >= 1,
            "clips": len(self.clips) > 0,
            "learning_rate": 0 < self.learning_rate <= 1,
            "weight_decay": 0 <= self.weight_decay <= 1,
            "betas": len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),
            "clip_norm": 0 <= self.clip_norm < math.inf,
            "ema_decay": 0 <= self.ema_decay < 1,
        }
        _check(self, checks)
        for kind, tables in (
            ("clip_sources", self.clips),
            ("samplers", [self.sampler]),
            ("schedules", [self.schedule]),
            ("starts", [] if self.start == PREVIOUS else [self.start]),
        ):
            for table in tables:
                component(kind, table)
        read_steps(self.augmentations)
        WeightedSum(self.loss)

    def table(self, context: ClipContext, fold: int | str) -> ClipTable:
        """What a model of this fold learns from in this stage."""
        tables = [component("clip_sources", table).table(context, fold) for table in self.clips]
        return join_tables([table for table in tables if len(table)] or tables[:1])


@dataclass(frozen=True)
class TrainSettings:
    """The recipe of a training. Names are those of the notebook's settings, in lower case.

    Attributes:
        architecture: as ``birdlib.models`` names it.
        head: a table of ``birdlib.heads``.
        channels: inputs of the backbone, 1 or 3; 0 for the architecture's own.
        drop_path: share, of the backbone.
        embedding_size: of an embedding that the model learns beside the classes; 0: none.
        batch_size: clips of one optimiser step, over all devices.
        secondary: what secondary labels are, "target", "mask" or "ignore".
        padding: how short recordings fill a window.
        precision: "auto", "bf16", "fp16" or "fp32".
        max_skipped: steps in a row, skipped since their loss or gradients are not finite, that stop the training.
        validate_every: epochs from one validation to the next; the last epoch has one anyhow.
        deterministic: whether a GPU takes kernels that give the same sums twice. Others are faster, but a training that
            is resumed then ends with other roundings.
        stages: at least one.
    """

    architecture: str
    head: dict
    channels: int
    drop_path: float
    embedding_size: int
    batch_size: int
    secondary: str
    padding: str
    precision: str
    max_skipped: int
    validate_every: int
    deterministic: bool
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        checks = {
            "channels": self.channels in (0, 1, 3),
            "drop_path": 0 <= self.drop_path < 1,
            "embedding_size": self.embedding_size >= 0,
            "batch_size": self.batch_size >= 2,  # batch norm needs two
            "secondary": self.secondary in SECONDARY,
            "padding": self.padding in PADDINGS,
            "precision": self.precision in PRECISIONS,
            "max_skipped": self.max_skipped >= 1,
            "validate_every": self.validate_every >= 1,
            "stages": len(self.stages) > 0,
        }
        _check(self, checks)
        component("heads", self.head)
        if self.stages[0].start == PREVIOUS:
            raise BirdlibError("START = previous: the first stage has none before it; start from imagenet or random")

    @property
    def epochs(self) -> int:
        """Of all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def clips(self) -> list[dict]:
        """The clip sources of all stages."""
        return [table for stage in self.stages for table in stage.clips]

    def with_classes(self, context: ClipContext) -> Prepared:
        """The context's recordings, with the classes that clip sources add to the competition's."""
        for number, table in enumerate(self.clips):
            source = component("clip_sources", table)
            if hasattr(source, "classes") and table not in self.clips[:number]:
                context = replace(context, prepared=replace(context.prepared, classes=source.classes(context)))
        return context.prepared

    @property
    def needs_teacher(self) -> bool:
        """Whether any stage learns, or starts, from a teacher."""
        starts = any(stage.start["name"] == "teacher_backbone" for stage in self.stages)
        return starts or any(WeightedSum(stage.loss).needs_teacher for stage in self.stages)

    def model_name(self, *, fold: int | str, seed: int, teachers: Sequence[Checkpoint]) -> str:
        """The name of a model of this recipe, as the authors of the seed named theirs."""
        return model_name(
            variant(self.architecture, self.head["name"]),
            epochs=self.epochs,
            fold=fold,
            seed=seed,
            teacher=teachers[0].variant if teachers else None,
        )

    def recipe(self) -> dict:
        """As plain values, for checkpoints and manifests."""
        return asdict(self) | {"epochs": self.epochs}


def make_stages(stages: Sequence[dict], **common: object) -> tuple[Stage, ...]:
    """The stages of a recipe.

    Args:
        stages: of each, what differs from the recipe's own settings.
        common: those settings, named as a ``Stage``'s attributes. Stages after the first start where the one before
            ended, unless they say otherwise.

    Raises:
        BirdlibError: a stage has an unknown setting, or one that is out of range.
    """
    names = [field.name for field in fields(Stage)]
    made = []
    for number, changes in enumerate(stages, 1):
        if unknown := [name for name in changes if name not in names]:
            raise BirdlibError(f"STAGES: stage {number} has no setting {unknown[0]!r}; it may set {', '.join(names)}")
        start = common["start"] if number == 1 else PREVIOUS
        try:
            made.append(Stage(**common | {"start": start} | changes))
        except BirdlibError as error:
            raise BirdlibError(f"stage {number}: {error}" if len(stages) > 1 else str(error)) from None
    return tuple(made)


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


def _check(settings: Stage | TrainSettings, checks: dict[str, bool]) -> None:
    wrong = [f"{name.upper()} = {getattr(settings, name)!r}" for name, fits in checks.items() if not fits]
    if wrong:
        raise BirdlibError(f"settings out of range: {'; '.join(wrong)}")
