import importlib
import importlib.util
import runpy
from importlib import import_module

TABLE = {"delta": "pk.plugins.delta", "epsilon": "pk.plugins.epsilon"}
NAMES = ["zeta", "eta"]


def relative():
    return import_module(".plugins.alpha", package=__package__).NAME, import_module("." + "plugins", "pk").__name__


def looped():
    return [importlib.import_module(f"{__package__}.plugins.{name}").NAME for name in NAMES]


def chosen(key):
    return import_module(TABLE[key]).NAME


def present():
    return importlib.util.find_spec("pk.plugins.theta") is not None, importlib.util.find_spec("pk.nothing")


def other_library(function):
    return getattr(import_module(f"json.{'decoder'}"), function, None)


def ran():
    return runpy.run_module("pk.plugins.theta")
