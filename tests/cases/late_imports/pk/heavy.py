print("heavy is loaded")
CALLS = []


def work():
    CALLS.append(1)
    return len(CALLS)
