__all__ = ["owl"]
__all__.append("wren")
