"""A start from a teacher's backbone."""

from dataclasses import dataclass

from birdlib.errors import BirdlibError
from birdlib.models.architectures import BirdModel
from birdlib.models.backbones import start_from_backbone
from birdlib.starts.start_context import StartContext


@dataclass(frozen=True)
class TeacherBackbone:
    """The backbone of the teacher of the same seed, or of the first; a random head."""

    def fill(self, model: BirdModel, context: StartContext) -> str:
        """Change the model in place; what it starts from, in words.

        Raises:
            BirdlibError: there is no teacher, or it has another backbone.
        """
        if not context.teachers:
            raise BirdlibError("start from teacher_backbone: there is no teacher; attach one, or start otherwise")
        # Students that share a backbone differ little.
        teacher = next((teacher for teacher in context.teachers if teacher.seed == context.seed), context.teachers[0])
        start_from_backbone(model, teacher.ema)
        return f"teacher {teacher.name}"
