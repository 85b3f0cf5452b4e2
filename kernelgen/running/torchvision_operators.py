"""Defines two operators that a CUDA build of torchvision misses beside a CPU build of torch.

Set-up copies this file into the environment of runs, where a ``.pth`` file imports it at every start of
Python; so it costs nothing until torchvision is imported, and only then imports torch.
"""

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_libraries = []  # torch forgets the operators when the library object is gone


def _define_operators():
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _libraries.append(library)


class _BeforeTorchvision:
    """An import hook that defines the operators just before torchvision's own code runs."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "torchvision":
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        # Another torchvision, installed over this one, may well fit its torch: that one is left alone.
        if spec and spec.origin and os.path.dirname(os.path.dirname(os.path.abspath(spec.origin))) == _FOLDER:
            run = spec.loader.exec_module

            def define_and_run(module):
                if not _libraries:
                    _define_operators()
                run(module)

            spec.loader.exec_module = define_and_run
        return spec


sys.meta_path.insert(0, _BeforeTorchvision)
