import importlib
from importlib import import_module as load

print(importlib.import_module("pk.plugins.alpha").NAME)
print(load("pk.plugins.beta").NAME)
print(__import__("pk.plugins.gamma").plugins.gamma.NAME)

from pk import loader

print(loader.relative(), loader.looped(), loader.chosen("delta"), loader.present())
print(loader.other_library("dumps"), loader.ran()["NAME"])
