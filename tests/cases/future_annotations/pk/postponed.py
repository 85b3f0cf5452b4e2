"""Postponed."""

from __future__ import annotations


def gain(x: Later, factor: float = 2.0) -> list[Later]: ...


class Later: ...
