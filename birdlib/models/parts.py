"""Clips of several windows: cut into the parts that the models know, and joined again in time."""

from collections.abc import Callable

import torch

from birdlib.errors import BirdlibError


def split_parts(clips: torch.Tensor, parts: int) -> torch.Tensor:
    """[batch, ..., parts * length] to [batch * parts, ..., length]; the parts of one clip are neighbours."""
    if parts < 1 or clips.shape[-1] % parts:
        raise BirdlibError(f"clips {list(clips.shape)} cannot be cut into {parts} equal parts along the last axis")
    return clips.unflatten(-1, (parts, -1)).movedim(-2, 1).flatten(0, 1)


def join_parts(parted: torch.Tensor, parts: int) -> torch.Tensor:
    """[batch * parts, ..., length] to [batch, ..., parts * length]: ``split_parts`` undone."""
    return parted.unflatten(0, (-1, parts)).movedim(1, -2).flatten(-2)


def mel_of_parts(
    mel_module: Callable[[torch.Tensor], torch.Tensor], waves: torch.Tensor, parts: int = 1
) -> torch.Tensor:
    """Mel spectrograms of clips that are ``parts`` windows long, each window's made by itself and joined in time.

    Args:
        mel_module: float [windows, samples] to float32 [windows, 1, n_mels, frames].
        waves: float [batch, parts * samples].

    Returns:
        float32 [batch, 1, n_mels, parts * frames]
    """
    if parts == 1:
        return mel_module(waves)
    return join_parts(mel_module(split_parts(waves, parts)), parts)
