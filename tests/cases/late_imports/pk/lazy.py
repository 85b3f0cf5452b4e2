"""Imports inside functions, classes and branches."""


def run():
    import pk.heavy

    return pk.heavy.work()


class Model:
    from .lighter import THRESHOLD

    def predict(self):
        from . import lighter as light

        return light.THRESHOLD == self.THRESHOLD


def never():
    from pk import never

    return never
