from pk import backends

print(backends.HAS_CUPY, backends.HAS_JSON, backends.fast, backends.NAMES, backends.quiet)
try:
    backends.need()
except ImportError as error:
    print(type(error).__name__, error)
