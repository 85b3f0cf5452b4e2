"""The description of an outside model, which travels with its scores and heads to the submission."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.outside.adapter import OutsideAdapter
from birdlib.outside.outside_model import OutsideModel
from birdlib.outside.parity import check_parity

DESCRIPTION = "outside.json"


@dataclass(frozen=True)
class OutsideDescription:
    """How to load an outside model again, and what it has to give then.

    Attributes:
        model: the recipe's table, of ``birdlib.outside_models``.
        genus: whether classes are joined by genus, too.
        parity: some of its outputs; see ``birdlib.outside.parity``.
    """

    model: dict
    genus: bool
    parity: Mapping[str, Sequence[float]]

    @property
    def adapter(self) -> OutsideAdapter:
        """The adapter that the recipe names."""
        return component("outside_models", self.model)

    def load(self, folder: Path) -> tuple[OutsideModel, str]:
        """The model, warmed up and compared with its stored outputs, and one line about that.

        Raises:
            BirdlibError: it cannot be loaded, or gives other outputs.
        """
        model = self.adapter.load(folder)
        return model, check_parity(model, self.parity)

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "OutsideDescription":
        """Read what ``save`` wrote; BirdlibError where it is missing or something else."""
        try:
            return cls(**json.loads((folder / DESCRIPTION).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise BirdlibError(
                f"{folder / DESCRIPTION}: cannot be read ({reason}); attach the output of an outside or head kernel"
            ) from None
