"""Imports for other Pythons and other systems."""

import os
import platform
import sys
from sys import version_info

if sys.version_info >= (3, 11):
    import tomllib as toml
else:
    import tomli_that_is_nowhere as toml
if sys.platform.startswith("win") or os.name == "nt":
    import win32_that_is_nowhere

    from . import windows

    NAME = "win"
elif sys.platform == "darwin" or platform.system() == "Darwin":
    import AppKit_that_is_nowhere
else:
    NAME = "posix"
if version_info[0] == 2 or version_info[:2] < (3, 8) or sys.version_info.major < 3:
    from typing_extensions_that_is_nowhere import Literal
else:
    from typing import Literal
