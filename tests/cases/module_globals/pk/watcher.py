from . import counter
from .counter import COUNT


def live():
    return counter.COUNT


def snapshot():
    return COUNT
