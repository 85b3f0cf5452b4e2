"""Blend and post-processing of score tables, the same in validation, selection and submission."""

import fnmatch
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.scores.post_process import PostprocessingStep, post_process
from birdlib.scores.score_table import ScoreTable
from birdlib.scores.taxonomy import check_taxa

Blend = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]
# Classes that one thread blends at a time: all of many models at once would not fit into memory.
_BLOCK = 32


@dataclass(frozen=True)
class Scoring:
    """A recipe's blend and post-processing.

    Attributes:
        blend: from ``birdlib.blends``.
        weights: by name or glob of the members: a number, or numbers by taxon. The first glob that a name matches
            counts; a member or taxon that none names has weight 1.
        steps: from ``birdlib.postprocessing``, in their order.
    """

    blend: Blend
    weights: dict[str, float | dict[str, float]]
    steps: tuple[PostprocessingStep, ...]

    @classmethod
    def of(cls, blend: dict, postprocessing: Sequence[dict] = ()) -> "Scoring":
        """Read the settings ``blend = { name = "mean", weights = { "a*" = 2.0 } }`` and ``postprocessing = [...]``.

        Raises:
            BirdlibError: a name, parameter or weight is unknown or out of range.
        """
        if not isinstance(blend, dict):
            raise BirdlibError(f'blend = {blend!r}; expected a table such as {{ name = "mean" }}')
        weights = blend.get("weights", {})
        if not isinstance(weights, dict):
            raise BirdlibError(f'blend: weights = {weights!r}; expected a table such as {{ "model-*" = 2.0 }}')
        for name, weight in weights.items():
            for value in weight.values() if isinstance(weight, dict) else [weight]:
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                    raise BirdlibError(f"blend: the weight of {name!r} is {value!r}; expected a number, 0 or more")
        table = {key: value for key, value in blend.items() if key != "weights"}
        steps = tuple(component("postprocessing", step) for step in postprocessing)
        return cls(component("blends", table), weights, steps)

    def check(self, members: Sequence[str], taxa: Sequence[str] | None) -> None:
        """Refuse weights of members and taxa that are not there, before anything is scored.

        Args:
            members: the names of all models that may be scored.
            taxa: of the classes; None where the competition has no taxonomy.

        Raises:
            BirdlibError: a glob means no member, or a taxon no class.
        """
        for name, weight in self.weights.items():
            if not any(fnmatch.fnmatchcase(member, name) for member in members):
                raise BirdlibError(f"blend: the weight of {name!r} means no model; there are {', '.join(members)}")
            if isinstance(weight, dict):
                check_taxa(list(weight), taxa, f"blend: the weight of {name!r}")
        post_process(self.steps, np.zeros((0, len(taxa or [])), np.float32), [], taxa)

    def __call__(
        self, tables: Sequence[ScoreTable], classes: Sequence[str], taxa: Sequence[str] | None = None
    ) -> np.ndarray:
        """Blend score tables of the same rows and post-process what comes of it.

        Args:
            tables: one at least.
            classes: of the result, by name; spaces around a name mean nothing.
            taxa: of the classes; None where the competition has no taxonomy.

        Returns:
            float32 [rows, classes], in the order of the tables' rows; NaN where no table has a score.
        """
        row_ids = tables[0].row_ids
        if other := [table.name for table in tables if table.row_ids != row_ids]:
            raise BirdlibError(
                f"blend: {other[0]} and {tables[0].name} scored other rows; blend tables of the same rows"
            )
        labels = [label.strip() for label in classes]
        weights = np.array([self._weights(table.name, len(labels), taxa) for table in tables])
        blended = np.empty((len(row_ids), len(labels)), np.float32)

        def blend_block(start: int) -> None:
            block = slice(start, start + _BLOCK)
            blended[:, block] = self.blend([table.probabilities(labels[block]) for table in tables], weights[:, block])

        with ThreadPoolExecutor() as pool:
            list(pool.map(blend_block, range(0, len(labels), _BLOCK)))
        return post_process(self.steps, blended, row_ids, taxa)

    def _weights(self, member: str, count: int, taxa: Sequence[str] | None) -> np.ndarray:
        """The weights of a member's classes, float64 [classes]."""
        weight = next((own for name, own in self.weights.items() if fnmatch.fnmatchcase(member, name)), 1.0)
        if not isinstance(weight, dict):
            return np.full(count, float(weight))
        check_taxa(list(weight), taxa, f"blend: the weight of {member!r}")
        return np.array([float(weight.get(taxon, 1.0)) for taxon in taxa or ()])
