"""From a kernel of the recipe to a verified notebook with its metadata, and to files."""

from kernelgen.building.build import build_kernel, template_cells, write_kernel

__all__ = ["build_kernel", "template_cells", "write_kernel"]
