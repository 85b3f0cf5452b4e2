"""Checks of what a recipe says about its augmentations."""

import math

from birdlib.errors import BirdlibError


def checked_number(step: str, name: str, value: float, low: float, high: float = math.inf) -> float:
    """The value as a float.

    Raises:
        BirdlibError: it is no number, not finite, or outside of low to high (both allowed).
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        allowed = f"a number from {low:g}" + (f" to {high:g}" if high < math.inf else " on")
        raise BirdlibError(f"augmentation {step}: {name} = {value!r}; expected {allowed}")
    return float(value)
