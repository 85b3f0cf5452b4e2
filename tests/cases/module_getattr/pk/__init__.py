import importlib

_LAZY = {"lazy", "lazier"}
eager = 1


def __getattr__(name):
    if name == "old_name":
        return "new value"
    if name in _LAZY:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
