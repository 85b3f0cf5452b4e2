"""Checks on a built notebook that need no run."""
