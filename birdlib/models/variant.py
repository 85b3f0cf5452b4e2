"""How tables and names call a network with its head."""

# "-time" is the write-up's word for the attention head (BirdCLEF 2023, 7th place).
_SUFFIXES = {"pooled": "", "attention": "-time"}


def variant(architecture: str, head: str) -> str:
    """The network and its head as one name: "rexnet150", "rexnet150-time", "rexnet150-sed"."""
    return architecture + _SUFFIXES.get(head, f"-{head}")
