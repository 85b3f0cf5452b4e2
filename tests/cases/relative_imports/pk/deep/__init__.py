from .. import base
from ..base import count
from . import twin as other_twin
from .deeper import leaf

__all__ = ["count"]
