"""INT8 IRs: the same model in a quarter of the space, the same bytes each time, or one line that says why not."""

import hashlib
import sys

import numpy as np
import pytest
import torch

from birdlib.errors import BirdlibError
from birdlib.export.int8_ir import quantize_ir
from birdlib.export.openvino_ir import export_ir, probabilities
from birdlib.inference.requests import compile_for_cpu, the_core
from birdlib.models.architectures import BirdModel

from ..networks import attention_head, pooled_head, sed_head

SHAPE = (1, 64, 80)


@pytest.fixture(scope="module")
def mels():
    return torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def nncf():
    return pytest.importorskip("nncf", reason="INT8 needs NNCF: pip install nncf")


def float_ir(folder, mels, head=pooled_head, precision="f32"):
    """An untrained model with sane batch-norm statistics."""
    torch.manual_seed(1)
    layers = [torch.nn.Conv2d(1, 16, 5, 4), torch.nn.BatchNorm2d(16), torch.nn.SiLU()]
    layers += [torch.nn.Conv2d(16, 64, 3), torch.nn.BatchNorm2d(64), torch.nn.SiLU()]
    model = BirdModel(torch.nn.Sequential(*layers), head(64, 5), channels=1)
    with torch.no_grad():
        for _ in range(20):
            model.train()(mels)
    folder.mkdir(exist_ok=True)
    export_ir(model.eval(), mels, folder, "net", precision)
    return folder / "net.xml"


def digest(xml):
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in (xml, xml.with_suffix(".bin"))]


@pytest.mark.parametrize(("head", "precision"), [(pooled_head, "f32"), (attention_head, "f16"), (sed_head, "f32")])
def test_an_int8_model_hears_nearly_the_same(nncf, tmp_path, mels, head, precision):
    xml = float_ir(tmp_path, mels, head, precision)
    quantize_ir(xml, mels.numpy(), tmp_path / "int8.xml")
    before, after = (probabilities(one, mels.numpy()) for one in (xml, tmp_path / "int8.xml"))
    assert 0 < np.abs(after - before).max() < 0.05
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.95
    # As a submission compiles it: static batches, float32 for what is not INT8.
    graph = the_core().read_model(tmp_path / "int8.xml")
    graph.reshape([4, *SHAPE])
    compiled = compile_for_cpu(graph, "f32")
    found = 1 / (1 + np.exp(-compiled({0: mels[:4].numpy()})[0]))
    assert np.abs(found - after[:4]).max() < 1e-4
    layers = [layer.get_rt_info() for layer in compiled.get_runtime_model().get_ops()]
    how = [info["primitiveType"].astype(str) for info in layers if info["layerType"].astype(str) == "Convolution"]
    assert sum(kind.lower().endswith("i8") for kind in how) == 2  # those of the backbone


def test_the_same_model_gives_the_same_bytes_whatever_was_made_before(nncf, tmp_path, mels):
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        xml = float_ir(folder, mels)
        (folder / "int8").mkdir()
        quantize_ir(xml, mels.numpy(), folder / "int8" / "net.xml")
        found.append([*digest(xml), *digest(folder / "int8" / "net.xml")])
    assert found[0] == found[1]
    assert (folder / "int8" / "net.bin").stat().st_size < 0.4 * (folder / "net.bin").stat().st_size


def test_calibration_says_nothing_to_the_notebook(nncf, tmp_path, mels, capfd):
    xml = float_ir(tmp_path, mels)
    capfd.readouterr()
    quantize_ir(xml, mels.numpy(), tmp_path / "int8.xml")
    assert capfd.readouterr().out == ""


def test_without_nncf_it_is_said_what_to_attach(tmp_path, mels, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(BirdlibError, match="INT8 needs NNCF .* attach the nncf-wheels dataset, or set int8 to false"):
        quantize_ir(tmp_path / "net.xml", mels.numpy(), tmp_path / "int8.xml")
    assert not list(tmp_path.iterdir())
