"""Uses $dollars$, *stars*, <tags> and __dunder__ names."""

VALUE = 1
__version__ = "1.0"
