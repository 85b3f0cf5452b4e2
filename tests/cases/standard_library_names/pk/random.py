import random as _random
from random import Random


def draw(seed):
    return Random(seed).random() if _random.Random is Random else None
