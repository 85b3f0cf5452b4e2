__all__ = ["chosen"]
__all__ += ["_exported_underscore"]
_exported_underscore = "with underscore"


def chosen():
    return "chosen"


def hidden():
    return "hidden"
