from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple


class Colour(Enum):
    RED = auto()
    BLUE = auto()


class Pair(NamedTuple):
    a: int
    b: int


@dataclass(frozen=True)
class Bird:
    name: str
    colour: Colour


@dataclass
class Recording:
    name: str
    bird: Bird
    spots: list[Pair] = field(default_factory=list)
