"""The competitions of all years, each made once."""

import functools

import pytest

from .folders import make_competition


@pytest.fixture(scope="session")
def competition(tmp_path_factory):
    """A year's competition; a test that changes it works on a copy."""
    return functools.cache(lambda year: make_competition(year, tmp_path_factory.mktemp(f"birdclef-{year}")))
