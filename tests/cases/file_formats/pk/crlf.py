"""Windows."""
TEXT = """a
b
"""


def f():
    return 1
