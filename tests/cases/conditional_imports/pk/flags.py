"""Packages that are used only where they are."""

import importlib.util

from .probing import HAVE_FAISS, has

try:
    import openvino
except ImportError:
    HAVE = False
else:
    from openvino import Core

    HAVE = True
if HAVE:
    from openvino import Type


def is_available():
    return importlib.util.find_spec("nncf") is not None


nncf = None
if is_available():
    import nncf
if HAVE_FAISS and has("faiss_that_is_nowhere"):
    import faiss_that_is_nowhere


def use():
    if not HAVE:
        return "no openvino"
    import openvino.runtime

    return openvino.runtime
