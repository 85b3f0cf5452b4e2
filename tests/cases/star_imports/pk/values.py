__all__ = ("answer",)
answer = 42
other = 43
