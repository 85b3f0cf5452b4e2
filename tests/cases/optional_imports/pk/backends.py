import contextlib
import importlib.util

NAMES = []
try:
    import cupy_that_is_nowhere as cupy

    HAS_CUPY = True
except ImportError:
    cupy = None
    HAS_CUPY = False

try:
    import json
except ModuleNotFoundError:
    HAS_JSON = False
else:
    HAS_JSON = True
finally:
    NAMES.append("json")

try:
    from ._fast import fast
except ImportError:
    from ._slow import fast

fast = fast()

quiet = "not there"
with contextlib.suppress(ImportError, AttributeError):
    from pk import nowhere as quiet

if importlib.util.find_spec("torchaudio_that_is_nowhere"):
    import torchaudio_that_is_nowhere


def need():
    try:
        import openvino_that_is_nowhere
    except ImportError as error:
        raise ImportError("attach the wheels") from error
