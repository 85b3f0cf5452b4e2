from . import other

NAME = "tools and " + other.NAME
