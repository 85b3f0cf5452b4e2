"""Names of trained models, built as the authors of the recipe built theirs."""

# rkl-rx-wdfbn-rx-ema-200-full: distilled, student, decay-free norms, teacher, weights average, epochs, all data.
_SHORT = {
    "rexnet150": "rx",
    "efficientnet-b2": "b2",
    "eca_nfnet_l0": "nf",
    "tf_efficientnet_b2_ns": "b2ns",
}


def short_name(variant: str) -> str:
    """``rx`` for rexnet150, ``rxt`` for rexnet150-time; names that have no short form stay whole."""
    for architecture, short in _SHORT.items():
        if variant == architecture or variant.startswith(f"{architecture}-"):
            return short + variant.removeprefix(architecture).replace("-time", "t")
    return variant


def model_name(
    variant: str, *, epochs: int, fold: int | str, seed: int, teacher: str | None = None, ema: bool = True
) -> str:
    """Such as ``rkl-rx-wdfbn-rx-ema-200-full-seed3``, or ``rx-wdfbn-ema-200-fold0-seed1`` without a teacher.

    Args:
        variant: the network and its head, as ``birdlib.models.variant`` names them.
        fold: a fold's number, or "full" for all data.
        teacher: the variant that it was distilled from; None if it was not.
    """
    words = ["rkl"] if teacher else []
    words += [short_name(variant), "wdfbn"]
    words += [short_name(teacher)] if teacher else []
    words += ["ema"] if ema else []
    words += [str(epochs), fold if isinstance(fold, str) else f"fold{fold}", f"seed{seed}"]
    return "-".join(words)
