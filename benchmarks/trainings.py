"""A training by a kernel's settings, as its notebook sets it up."""

from collections.abc import Mapping
from pathlib import Path

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.data.prepared import Prepared
from birdlib.frontend.mel import FrontEnd
from birdlib.training.clock import SessionClock
from birdlib.training.settings import Stage, TrainSettings, make_stages
from birdlib.training.surroundings import Surroundings
from birdlib.training.validation import Validation


def settings_of(settings: Mapping) -> TrainSettings:
    """What a kernel's settings ask of a training."""
    of_stages = {name: settings[name] for name in Stage.__dataclass_fields__}
    others = {name: settings[name] for name in TrainSettings.__dataclass_fields__}
    return TrainSettings(**others | {"stages": make_stages(settings["stages"], **of_stages)})


def surroundings_of(prepared: Prepared, settings: Mapping, folder: Path) -> Surroundings:
    """Of a training that writes to the folder, in a session of twelve hours."""
    front_end = front_end_of(settings)
    return Surroundings(
        clips=ClipContext(prepared),
        front_end=front_end,
        validation=Validation(
            prepared,
            front_end,
            metric="macro ROC-AUC",
            soundscapes=None,
            batch_size=settings["device_batch"],
            workers=0,
            padding=settings["padding"],
        ),
        folder=folder,
        pretrained=None,
        device_batch=settings["device_batch"],
        workers=0,
        checkpoint_minutes=60.0,
        clock=SessionClock(720.0, 1.0),
        commit="",
    )


def front_end_of(settings: Mapping) -> FrontEnd:
    return FrontEnd.from_dict({name: settings[name] for name in FrontEnd.__dataclass_fields__})
