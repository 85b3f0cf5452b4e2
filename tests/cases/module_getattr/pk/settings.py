_VALUES = {"epochs": 40}


def __getattr__(name):
    try:
        return _VALUES[name]
    except KeyError:
        raise AttributeError(name) from None


def __dir__():
    return ["epochs"]
