"""The errors that the library raises on purpose."""


class BirdlibError(Exception):
    """Wrong input or a state that stops the work; the text says what, where, and what to do."""


def last_line(error: BaseException) -> str:
    """Where OpenVINO and NNCF put the reason, behind their own source lines; the error's kind where it has no text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
