r"""Docstrings with 'single', "double" and \backslashes\, {braces}, ünïcödé and 鳥 🐦.

A second paragraph with three quotes: ''' and a line that ends in a backslash \
"""
