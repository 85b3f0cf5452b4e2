"""The way back: what was edited on Kaggle, compared with what was built and with the working tree."""

from kernelgen.pulling.applying import apply
from kernelgen.pulling.comparing import compare_kernel
from kernelgen.pulling.comparison import Comparison

__all__ = ["Comparison", "apply", "compare_kernel"]
