from . import __name__ as above

X = above
