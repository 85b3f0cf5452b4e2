import pk
from pk.left import Left


class Right:
    def partner(self):
        return Left()

    def __repr__(self):
        return "Right"
