from ...base import NAMES  # three dots
from .. import twin
