"""Running a built notebook as Kaggle does: fresh root, no network, the image's packages, a time limit."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Mount": "inputs",
    "RunEnvironment": "environment",
    "RunResult": "execution",
    "find_environment": "environment",
    "run_notebook": "execution",
    "sole_use": "execution",
}
__all__ = ["Mount", "RunEnvironment", "RunResult", "find_environment", "run_notebook", "sole_use"]  # noqa: F822


def __getattr__(name: str) -> Any:
    # Not imported here: `python -m kernelgen.running.environment` would load that module twice, and complain.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
