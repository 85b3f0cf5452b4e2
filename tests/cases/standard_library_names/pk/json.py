import json

from .logging import getLogger


def dumps(value):
    return f"{getLogger()}:{json.dumps(value)}"
