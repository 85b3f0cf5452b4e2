"""The one error that the generator shows to its user."""


class KernelgenError(Exception):
    """A user's mistake or a state that stops the work.

    Its text is what the user reads: where it is, what is wrong and what to do, in one line.
    """
