import pk


class Left:
    def partner(self):
        return pk.Right()

    def __repr__(self):
        return "Left"
