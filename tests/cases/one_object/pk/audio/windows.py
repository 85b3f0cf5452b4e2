"""Windows of a recording."""

SECONDS = 5


class Window:
    def __init__(self, start):
        self.start = start
