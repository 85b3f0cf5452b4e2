"""Progress bars: one line each in a notebook's output, and as tqdm draws them anywhere else."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

COLUMNS = 110
_SECONDS = 2.0  # between two updates


def in_notebook() -> bool:
    """Whether a notebook's kernel runs in this process."""
    # A notebook's kernel has imported IPython; anybody else need not, which would take half a second.
    ipython = sys.modules.get("IPython")
    # The terminal's IPython has no kernel.
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


def progress_bar(items: Iterable | None = None, description: str | None = None, **options: Any) -> tqdm:
    """A tqdm bar with a few more of our own manners.

    In a notebook it is one line that is written anew. By ``print`` each state of it would be kept, so that a
    training of twelve hours would end as a notebook with twenty thousand lines of it.

    Args:
        items: what is gone through; None where ``update`` is called.
        options: tqdm's, such as total and unit.
    """
    file = NotebookLine() if in_notebook() else sys.stdout
    return tqdm(items, description, **{"file": file, "ncols": COLUMNS, "mininterval": _SECONDS} | options)


class NotebookLine:
    """A line of a notebook's output that is written anew: a file for tqdm, or for anybody by ``show``."""

    encoding = "utf-8"  # tqdm asks, and draws its bar with blocks

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = ""

    def show(self, text: str) -> None:
        """Put the text in the line's place; the first one makes the place."""
        if text == self._shown:
            return
        self._shown = text
        if self._handle is None:
            from IPython.display import display

            self._handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._handle.update({"text/plain": text}, raw=True)

    def write(self, text: str) -> None:
        if line := text.strip("\r\n").rstrip():
            self.show(line)

    def flush(self) -> None:
        pass
