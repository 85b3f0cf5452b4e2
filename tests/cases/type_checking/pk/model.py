from __future__ import annotations

import typing
import typing as t
from typing import TYPE_CHECKING
from typing import TYPE_CHECKING as CHECKING

if TYPE_CHECKING:
    import torch_that_is_nowhere as torch

    from . import missing_module
    from .training import Trainer
else:
    from .runtime import VALUE

if typing.TYPE_CHECKING or t.TYPE_CHECKING:
    from pk.training import Trainer
if not CHECKING:
    VALUE += "!"
elif True:
    import pk.missing_too


class Model:
    def describe(self, trainer: Trainer) -> torch.Tensor: ...


def typing_only():
    if t.TYPE_CHECKING:
        import pk.missing_three
    return VALUE
