"""Tables as text."""


def row(name, value):
    return f"{name:<8}{value:>6.2f}"
