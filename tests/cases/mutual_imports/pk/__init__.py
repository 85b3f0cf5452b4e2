from . import even, odd
from .left import Left
from .right import Right
