NAME = "bce"


def loss(values):
    return sum(values)
