import importlib

module = importlib.import_module("pk.my-module")
print(module.X, module.__name__, importlib.import_module("pk.2-stage.2nd").X)
