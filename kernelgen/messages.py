"""Where the generator's lines for its reader go: `logging`'s records, one line each, to stderr."""

import logging

_PREFIXES = {logging.WARNING: "note: ", logging.ERROR: "error: "}


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _PREFIXES.get(record.levelno, "") + record.getMessage()


def show_messages() -> None:
    """Show what `kernelgen` logs: information as it is, a warning as a note, an error as an error."""
    logger, handler = logging.getLogger("kernelgen"), logging.StreamHandler()
    # Kaggle's client sets up the root logger; without this, each line would come twice.
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler.setFormatter(_Line())
    logger.handlers = [handler]
