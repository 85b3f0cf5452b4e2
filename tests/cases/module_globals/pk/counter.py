COUNT = 0
LOG = []


def increase():
    global COUNT
    COUNT += 1
    LOG.append(COUNT)


def peek():
    return globals()["COUNT"]
