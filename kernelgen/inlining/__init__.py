"""Inlining: the library's modules become cells of a notebook, and cells become the library's files again."""
