"""Another model's backbone to start from."""

from collections.abc import Mapping

import torch

from birdlib.models.architectures import BirdModel
from birdlib.models.pretrained import fill_backbone


def start_from_backbone(student: BirdModel, teacher_state_dict: Mapping[str, torch.Tensor]) -> None:
    """Copy a teacher's backbone into a student's; the student's head stays as it is.

    Args:
        teacher_state_dict: of a ``BirdModel`` whose backbone is the student's.

    Raises:
        BirdlibError: its backbone's tensors are not the student's.
    """
    prefix = "backbone."
    tensors = {
        name.removeprefix(prefix): value for name, value in teacher_state_dict.items() if name.startswith(prefix)
    }
    hint = "a student can start from a teacher of its own architecture and channels only"
    fill_backbone(student.backbone, tensors, "the teacher's backbone", hint)
