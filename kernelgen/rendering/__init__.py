"""From a template to a notebook and its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelgen.rendering.building import BuiltKernel, build_kernel, write_kernel

__all__ = ["BuiltKernel", "build_kernel", "write_kernel"]


def __getattr__(name: str):
    # Lazily: reading a recipe looks into templates, but needs neither jupytext nor nbformat.
    if name in __all__:
        from kernelgen.rendering import building

        return getattr(building, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
