"""A registry that imports fill."""

MODELS = {}


def register(name):
    def keep(model):
        MODELS[name] = model
        return model

    return keep


def build(name, **options):
    return MODELS[name](**options)
