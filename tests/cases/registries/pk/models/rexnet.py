from pk.registry import register


@register("rexnet")
class RexNet:
    def __init__(self, depth):
        self.depth = depth

    def __repr__(self):
        return f"RexNet({self.depth})"
