from . import NAMES
from .. import twin as uncle
from ..twin import WHO as who
from ... import base
from ...base import (
    NAMES as again,
    count,
)


def report():
    from .helper import shout

    return shout(uncle.WHO), who, again is NAMES is base.NAMES, count(1)
