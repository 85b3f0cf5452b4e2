"""Kaggle's image: its Python and the packages that it holds."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Image:
    """date: of the image that was looked at. packages: import names."""

    date: str
    python: tuple[int, int]
    packages: frozenset[str]


@cache
def kaggle_image() -> Image:
    """The image that kaggle_image.toml describes."""
    document = tomllib.loads(Path(__file__).with_name("kaggle_image.toml").read_text(encoding="utf-8"))
    major, minor = document["python"].split(".")
    return Image(str(document["date"]), (int(major), int(minor)), frozenset(document["packages"]))
