"""Where the generator's lines for its reader go: `logging`'s records, one line each, to stderr."""

import logging
import sys

_PREFIXES = {logging.WARNING: "note: ", logging.ERROR: "error: "}


class _ToStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _write(_PREFIXES.get(record.levelno, "") + record.getMessage())


def _write(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def show_messages() -> None:
    """Show what `kernelgen` logs: information as it is, a warning as a note, an error as an error."""
    logger = logging.getLogger("kernelgen")
    # Kaggle's client sets up the root logger; without this, each line would come twice.
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers = [_ToStderr()]
