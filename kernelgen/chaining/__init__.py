"""Kernels and datasets one after another: what feeds a run, and which runs are finished."""
