"""INT8: an IR quantised by NNCF, by what its layers hold on real audio."""

import logging
import os
from pathlib import Path

import numpy as np
import openvino as ov

from birdlib.errors import BirdlibError, last_line
from birdlib.export.openvino_ir import read_unmapped, settle_names


class NotQuantised(BirdlibError):
    """NNCF cannot put this model into 8-bit integers."""


def quantize_ir(float_xml: Path, mels: np.ndarray, xml: Path) -> None:
    """Write ``xml`` and its ``.bin``: a float IR, f32 or f16, with the backbone's convolutions in 8-bit integers.

    The same inputs give the same bytes. Weights keep to 7 of their 8 bits: processors without VNNI add up pairs of
    products in 16 bits, where 8-bit weights would overflow, and the model would hear something else than on others.
    The head stays float.

    Args:
        mels: of audio that the model has learnt from, float32 [windows, 1, n_mels, frames]; NNCF sees one at a time.

    Raises:
        NotQuantised: it cannot be done with this model.
        BirdlibError: NNCF is not installed.
    """
    # No report to its makers each time that a model is quantised.
    os.environ.setdefault("NNCF_CI", "1")
    try:
        import nncf
        import rich
    except ImportError as error:
        raise BirdlibError(f"INT8 needs NNCF ({error}); attach the nncf-wheels dataset, or set int8 to false") from None
    nncf.set_log_level(logging.ERROR)
    rich.reconfigure(quiet=True, force_jupyter=False)  # its progress bars, several for each model
    graph = read_unmapped(float_xml)  # it may be replaced by this one
    try:
        quantised = nncf.quantize(
            graph,
            nncf.Dataset([window[None] for window in mels]),
            subset_size=len(mels),
            # Activations of SiLU reach further above zero than below.
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=_head(graph), validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )
    except Exception as error:  # NNCF has a dozen kinds, without a common one
        raise NotQuantised(f"{float_xml.stem}: NNCF cannot quantise it ({last_line(error)})") from error
    finally:
        rich.reconfigure()
    settle_names(quantised, xml.stem)
    ov.save_model(quantised, xml, compress_to_fp16=False)


def _head(graph: ov.Model) -> list[str]:
    """The layers of the head: matrix products, and the attention head's map per class, a convolution over a line.

    In 8 bits the former are no faster without VNNI, and OpenVINO refuses to compile the latter.
    """
    return [
        layer.get_friendly_name()
        for layer in graph.get_ordered_ops()
        if layer.get_type_name() == "MatMul"
        or (layer.get_type_name() == "GroupConvolution" and len(layer.input(0).get_partial_shape()) == 3)
    ]
