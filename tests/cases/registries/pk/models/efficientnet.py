from ..registry import register


@register("efficientnet")
def build(depth):
    return f"efficientnet of {depth}"
