"""Outside models among the members of a submission."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from birdlib.competition.class_lists import join_classes, read_class_list
from birdlib.outside.description import OutsideDescription
from birdlib.outside.head import Head
from birdlib.outside.member import OutsideMember
from birdlib.wheels import install_wheels


@dataclass(frozen=True)
class Outside:
    """An outside model; with a head, where the attached output has one."""

    def member(
        self, described: Path, model: Path, wheels: Path, competition: Path, classes: Sequence[str]
    ) -> OutsideMember:
        """The member, warmed up and compared with its stored outputs.

        Args:
            described: the output of an outside or head kernel.
            model: the folder with the model's files.
            wheels: the folder with the wheels of what runs it.
            competition: the competition's folder, whose tables name the species.
            classes: of the submission.

        Raises:
            BirdlibError: something is missing, the model gives other outputs, or knows none of the classes.
        """
        description, head = OutsideDescription.read(described), Head.read(described)
        if packages := description.adapter.packages:
            install_wheels(wheels, *packages)
        loaded, parity = description.load(model)
        print(parity)
        labels = tuple(label.strip() for label in classes)
        join = join_classes(read_class_list(competition, labels), loaded.classes, genus=description.genus)
        print(f"{loaded.name}: {join.summary()}")
        return OutsideMember.of(loaded, join, head)
