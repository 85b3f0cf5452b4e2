from ..tools import NAME as above
from ...plain import NAME as plain

NAME = f"leaf under {above}, {plain}"
