"""A start from a model of another training, also of another class list."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch

from birdlib.components import component
from birdlib.data.prepared import FULL
from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel
from birdlib.models.backbones import start_from_backbone
from birdlib.starts.start_context import StartContext
from birdlib.weights.checkpoint import Checkpoint, checkpoints_in, load_checkpoint


@dataclass(frozen=True)
class Trained:
    """The averaged weights of a model of the recipe's source ``start``: its backbone, and the classes that both know.

    Where the head is another one, it stays random. Where the other model learnt from the same preparation, it has to
    be of the same fold: one of another fold has learnt from what this one is judged by.

    Attributes:
        model: its name, or a glob. Of several models that it means, the one of the same fold and then seed is taken.
    """

    model: str = "*"

    def fill(self, model: BirdModel, context: StartContext) -> str:
        """Change the model in place; what it starts from, in words.

        Raises:
            BirdlibError: no folder is attached, the glob means none or several, the model learnt from what the fold
                holds back, or the backbone is another one.
        """
        if context.start is None:
            raise BirdlibError("start from trained: nothing is attached as the source `start`; attach its output")
        paths = {path.name.removesuffix(".last.pt"): path for path in checkpoints_in(context.start)}
        meant = [load_checkpoint(path).weights_only() for name, path in paths.items() if fnmatchcase(name, self.model)]
        for trait in ("fold", "seed"):
            if len(meant) > 1:
                meant = [saved for saved in meant if getattr(saved, trait) == getattr(context, trait)]
        if len(meant) != 1:
            raise BirdlibError(
                f"start from trained: {self.model!r} means {len(meant)} models of {context.start} for fold "
                f"{context.fold} and seed {context.seed} ({', '.join(paths) or 'it has none'}); name one"
            )
        (saved,) = meant
        if context.fold not in (FULL, saved.fold) and saved.data_version == context.data_version:
            raise BirdlibError(
                f"start from trained: {saved.name} has learnt from what fold {context.fold} holds back; start from a "
                "model of the same fold"
            )
        start_from_backbone(model, saved.ema)
        count = _fill_head(model, context, saved)
        return f"{saved.name} ({count} of {len(context.classes)} classes known)"


def _fill_head(model: BirdModel, context: StartContext, saved: Checkpoint) -> int:
    """Copy the head's weights of the classes that both know by name; how many those are."""
    own, theirs = model.head.state_dict(), {}
    for name, tensor in saved.ema.items():
        if name.startswith("head."):
            theirs[name.removeprefix("head.")] = tensor
    common = [label for label in context.classes if label in saved.classes]
    axes = _class_axes(saved)
    shapes_fit = own.keys() == theirs.keys() and all(
        _without(own[name].shape, axes[name]) == _without(theirs[name].shape, axes[name]) for name in own
    )
    if not shapes_fit or not common:
        return 0
    own_places = torch.tensor([context.classes.index(label) for label in common])
    their_places = torch.tensor([saved.classes.index(label) for label in common])
    for name, tensor in own.items():
        if axes[name] is None:
            tensor.copy_(theirs[name])
        else:
            tensor.index_copy_(axes[name], own_places, theirs[name].index_select(axes[name], their_places).to(tensor))
    return len(common)


def _class_axes(saved: Checkpoint) -> dict[str, int | None]:
    """For each tensor of the head, along which axis its classes lie: found by building it for one class more."""
    with torch.device("meta"):
        heads = [component("heads", saved.head).build(8, len(saved.classes) + more) for more in (0, 1)]
    less, more = (head.state_dict() for head in heads)
    axes = {}
    for name, tensor in less.items():
        pairs = zip(tensor.shape, more[name].shape, strict=True)
        axes[name] = next((axis for axis, (size, other) in enumerate(pairs) if size != other), None)
    return axes


def _without(shape: torch.Size, axis: int | None) -> tuple[int, ...]:
    return tuple(size for place, size in enumerate(shape) if place != axis)
