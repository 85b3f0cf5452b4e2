from . import postponed


def gain(x: int, factor: float = 2.0) -> list: ...
