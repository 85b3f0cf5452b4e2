"""The errors that the library raises on purpose."""


class BirdlibError(Exception):
    """Wrong input or a state that stops the work; the text says what, where, and what to do."""
