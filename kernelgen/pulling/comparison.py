"""What was found, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class State(Enum):
    """What is to be done with a file of the library."""

    WRITE = "to be written"
    HERE = "here already"
    CONFLICT = "in conflict"
    REFUSED = "refused"
    REMOVED = "removed on Kaggle"


@dataclass(frozen=True)
class FileChange:
    """A file of the library that is not what it was when the notebook was built.

    file: "PACKAGE/audio/samples.py". here: its bytes in the working tree, None where there is none.
    wanted: what --apply writes. aside: what is put beside the kernel where nothing may be written.
    """

    file: str
    state: State
    message: str
    diff: tuple[str, ...] = ()
    here: bytes | None = None
    wanted: bytes | None = None
    aside: bytes | None = None


@dataclass(frozen=True)
class CellChange:
    """A cell of the template, or a generated one, that is not what it was."""

    message: str
    diff: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A notebook as it is on Kaggle, against what was built and what is here.

    kernel: the slug. base: what was compared with. is_built: whether that is what was built; else nothing may be
    applied. problems: cells that nothing can be taken from. aside: the folder for what is not written.
    """

    kernel: str
    base: str
    files: tuple[FileChange, ...] = ()
    cells: tuple[CellChange, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_built: bool = True
    aside: Path = field(default=Path(), repr=False)

    def of(self, *states: State) -> tuple[FileChange, ...]:
        """The files in one of these states."""
        return tuple(change for change in self.files if change.state in states)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """The files that were changed on Kaggle and here, in each other's way."""
        return tuple(change.file for change in self.of(State.CONFLICT))

    @property
    def clean(self) -> bool:
        """Whether nothing on Kaggle is missing here."""
        done = all(change.state is State.HERE for change in self.files)
        return done and not self.cells and not self.problems

    def report(self) -> str:
        """All of it, the summary in the first line; without a final newline."""
        parts = ["\n".join([self._summary(), *(f"note: {note}" for note in self.notes)])]
        parts += [f"error: {problem}" for problem in self.problems]
        parts += ["\n".join([change.message, *change.diff]) for change in (*self.files, *self.cells)]
        return "\n\n".join(parts)

    def _summary(self) -> str:
        changed = len(self.of(State.WRITE))
        verb = "changed on Kaggle" if self.is_built else "not as here"
        counts = [
            (changed, f"{_files(changed)} {verb}"),
            (n := len(self.conflicts), f"{n} conflict{'s' * (n != 1)}"),
            (n := len(self.of(State.REFUSED)) + len(self.problems), f"{n} that cannot be taken over"),
            (
                n := len(self.of(State.REMOVED)),
                f"{_files(n)} {'removed on' if self.is_built else 'not on'} Kaggle",
            ),
            (n := len(self.of(State.HERE)), f"{_files(n)} changed in the same way here"),
            (n := len(self.cells), f"{n} template cell{'s' * (n != 1)} {verb}"),
        ]
        said = [text for count, text in counts if count]
        if not said:
            said = ["unchanged on Kaggle" if self.is_built else "on Kaggle as it would be built here"]
        return f"{self.kernel}: {', '.join(said)} (compared with {self.base})"


def _files(count: int) -> str:
    return f"{count} library file{'s' * (count != 1)}"
