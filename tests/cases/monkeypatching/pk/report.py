from pk import clock
from pk.clock import now


def stamp():
    return clock.now()


def copied():
    return now()
