"""Faults, with file and line."""

from .inner import divide


# said of outer
def outer(x):
    # a comment is kept
    return divide(
        x
    )


class Chain:
    def first(self):
        return "first"
