"""Adapters: what a recipe says of an outside model, and how it is loaded."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from birdlib.competition.class_lists import ClassList
from birdlib.components import check_choice, check_number
from birdlib.errors import BirdlibError
from birdlib.outside.outside_model import Outputs, OutsideModel

LABEL_FORMS = ("scientific_common", "scientific", "label")


@dataclass(frozen=True, kw_only=True)
class OutsideAdapter(ABC):
    """What a recipe says of an outside model; a subclass for each way to run one.

    Attributes:
        title: the model's name in tables and files.
        packages: what the adapter imports and Kaggle's image lacks, installed from the attached wheels.
    """

    title: str
    packages: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def load(self, folder: Path) -> OutsideModel:
        """The model, ready to run.

        Args:
            folder: that holds its files.

        Raises:
            BirdlibError: a file is missing, or is not what the recipe says of it.
        """


@dataclass(frozen=True, kw_only=True)
class PublishedModel(OutsideAdapter):
    """An outside model of one file for the network and one for the labels.

    Attributes:
        model_file, labels_file: in the folder.
        label_form: of a line of the labels file: "scientific_common", as "Corvus corax_Common Raven"; "scientific";
            or "label", a code such as eBird's.
        header_lines: of the labels file, before the first class.
        sample_rate, window_seconds, peak: see ``OutsideModel``.
    """

    model_file: str
    labels_file: str
    sample_rate: int
    window_seconds: float
    label_form: str = "scientific"
    header_lines: int = 0
    peak: float = 0.0

    def __post_init__(self) -> None:
        check_number(self, "sample_rate", 4000, 192000, whole=True)
        check_number(self, "window_seconds", 0.5, 60)
        check_number(self, "peak", 0, 1)
        check_choice(self, "label_form", LABEL_FORMS)

    @abstractmethod
    def runner(self, path: Path) -> Callable[[np.ndarray], Outputs]:
        """The function that runs the network of a file; see ``OutsideModel.run``."""

    def load(self, folder: Path) -> OutsideModel:
        """As ``OutsideAdapter.load``."""
        for file in (self.model_file, self.labels_file):
            if not (folder / file).is_file():
                listing = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
                raise BirdlibError(f"{folder}: no {file} (there is {listing}); fill and attach the model's dataset")
        lines = (folder / self.labels_file).read_text(encoding="utf-8").splitlines()[self.header_lines :]
        labels = tuple(line.strip() for line in lines)
        names = labels
        if self.label_form != "scientific":
            names = tuple(label.partition("_")[0] if self.label_form == "scientific_common" else "" for label in labels)
        classes = ClassList(labels, names)
        try:
            run = self.runner(folder / self.model_file)
        except BirdlibError:
            raise
        except Exception as error:  # each runtime has its own
            reason = " ".join(str(error).split())[:200]
            raise BirdlibError(
                f"{folder / self.model_file}: cannot be loaded ({reason}); fill its dataset anew"
            ) from None
        return OutsideModel(self.title, self.sample_rate, self.window_seconds, classes, run, self.peak)
