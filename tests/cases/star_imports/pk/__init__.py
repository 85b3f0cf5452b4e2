from .values import *
from .values import __all__ as _names

__all__ = [*_names, "extra"]
