from . import base as base
from .base import NAMES as names
from .deep import *
