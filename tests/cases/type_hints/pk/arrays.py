"""Aliases."""

from typing import Optional

MaybeText = Optional[str]


class Array: ...
