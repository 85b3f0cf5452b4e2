import types


class Bird(types.SimpleNamespace):
    pass
