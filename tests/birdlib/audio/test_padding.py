"""Clips shorter than a window."""

import numpy as np
import pytest

from birdlib.audio.padding import check_padding, padded
from birdlib.errors import BirdlibError


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("cyclic", [1, 2, 3, 1, 2, 3, 1]),
        ("zeros", [1, 2, 3, 0, 0, 0, 0]),
        ("reflect", [1, 2, 3, 2, 1, 2, 3]),
    ],
)
def test_each_padding_does_what_its_name_says(padding, expected):
    wave = np.array([1, 2, 3], np.float32)
    result = padded(wave, 7, padding)
    assert result.tolist() == expected and result.dtype == np.float32
    assert padded(np.array(expected, np.float32), 3, padding).tolist() == [1, 2, 3]
    assert len(padded(wave[:1], 7, padding)) == 7


def test_an_unknown_padding_is_refused_with_those_that_there_are():
    with pytest.raises(BirdlibError, match="padding = 'wrap': expected one of cyclic, zeros, reflect"):
        check_padding("wrap")
