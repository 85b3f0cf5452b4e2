"""ImageNet's weights to start from, out of a dataset folder."""

from collections.abc import Mapping
from pathlib import Path

import torch
from timm.models import adapt_input_conv, load_state_dict

from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel

_SUFFIXES = (".safetensors", ".pth")
_HOW_TO_FILL = "run `python build_kernels.py --target pretrained` on a machine with network and attach the dataset"


def load_pretrained(model: BirdModel, architecture: str, folder: Path) -> Path:
    """Fill the model's backbone with ImageNet weights; its head stays as it is.

    The file is ``<architecture>.safetensors`` or ``.pth`` in the folder: a state dict of the whole network as
    torchvision or timm name its tensors. Its classifier is left out, and nothing else may be left over or missing.
    Where none of its names is the backbone's, the tensors are taken in their order: other implementations of a network
    have the same. Where the backbone takes 1 channel, the first convolution's three are summed (timm's way): a plain
    convolution then makes of one channel what it made of three equal ones.

    Returns:
        The file that was read.

    Raises:
        BirdlibError: there is no such file, it cannot be read, or its tensors are not the backbone's.
    """
    path = find_pretrained(architecture, folder)
    try:
        state = load_state_dict(str(path))
        tensors = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    except Exception as error:  # torch and safetensors raise many kinds for a file that is cut or none of theirs
        reason = str(error).partition("\n")[0]
        raise BirdlibError(f"{path}: cannot be read as pretrained weights ({reason}); fill the dataset again") from None
    config = getattr(model.backbone, "pretrained_cfg", None)
    if config is None:  # torchvision's: the features are one of the network's two rooms
        classifiers, first_convolutions = ("classifier",), ("0.0",)
        tensors = {name.removeprefix("features."): value for name, value in tensors.items()}
    else:
        classifiers, first_convolutions = _names(config["classifier"]), _names(config["first_conv"])
    tensors = _by_order(tensors, list(model.backbone.state_dict()))
    tensors = {
        name: value for name, value in tensors.items() if not name.startswith(tuple(f"{c}." for c in classifiers))
    }
    for first in first_convolutions:
        weight = tensors.get(f"{first}.weight")
        if weight is not None and weight.dim() == 4 and weight.shape[1] == 3:
            tensors[f"{first}.weight"] = adapt_input_conv(model.channels, weight)
    fill_backbone(model.backbone, tensors, str(path), "put in the file of this very architecture")
    return path


def find_pretrained(architecture: str, folder: Path) -> Path:
    """The file of an architecture's pretrained weights, anywhere in the folder.

    Raises:
        BirdlibError: there is none, or more than one.
    """
    paths = sorted(path for suffix in _SUFFIXES for path in Path(folder).rglob(f"{architecture}{suffix}"))
    if len(paths) != 1:
        names = ", ".join(sorted(path.name for path in paths or Path(folder).rglob("*") if path.is_file())) or "nothing"
        count = f"{len(paths)} files" if paths else "no file"
        raise BirdlibError(
            f"{folder}: {count} {architecture}.safetensors or {architecture}.pth (there: {names}); "
            + ("keep one of them" if paths else _HOW_TO_FILL)
        )
    return paths[0]


def fill_backbone(backbone: torch.nn.Module, tensors: Mapping[str, torch.Tensor], source: str, hint: str) -> None:
    """Load every tensor, or raise before the first is changed.

    Args:
        source, hint: for the message: whose tensors they are, and what to do.
    """
    expected = backbone.state_dict()
    # How many batches a batch norm has seen is no weight; old files have none.
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(expected.keys() - tensors.keys() - counters)
    unexpected = sorted(tensors.keys() - expected.keys())
    misshapen = [name for name in expected if name in tensors and tensors[name].shape != expected[name].shape]
    faults = []
    if missing:
        faults.append(f"{len(missing)} tensors are missing, as {missing[0]}")
    if unexpected:
        faults.append(f"{len(unexpected)} are unknown, as {unexpected[0]}")
    if misshapen:
        name = misshapen[0]
        faults.append(
            f"{len(misshapen)} have another shape, as {name} {list(tensors[name].shape)} instead of "
            f"{list(expected[name].shape)}"
        )
    if faults:
        raise BirdlibError(f"{source}: does not fit the model's backbone: {'; '.join(faults)}; {hint}")
    backbone.load_state_dict({**expected, **tensors})


def _by_order(tensors: dict[str, torch.Tensor], names: list[str]) -> dict[str, torch.Tensor]:
    """Give tensors the backbone's names where they have none of them; what is left over is the classifier."""
    if tensors.keys() & set(names) or len(tensors) < len(names):
        return tensors
    return dict(zip(names, tensors.values(), strict=False))


def _names(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """timm's configurations name one module, several or none."""
    return (value,) if isinstance(value, str) else tuple(value or ())
