"""Each adapter loads its kind of model and gives logits and embeddings of the documented shapes."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from birdlib.components import component
from birdlib.errors import BirdlibError
from birdlib.outside.parity import check_wave, outputs_to_store

BIRDNET = Path(__file__).resolve().parents[3] / "datasets" / "birdnet"
PERCH = {"name": "onnx", "title": "perch", "model_file": "perch.onnx", "labels_file": "labels.csv", "header_lines": 1}
PERCH |= {"sample_rate": 32000, "window_seconds": 5.0, "peak": 0.25}


def adapter(table):
    if not find_spec(f"birdlib.outside_models.{table['name']}"):
        pytest.skip("the library under test has no such adapter")
    return component("outside_models", table)


@pytest.fixture
def perch(tmp_path):
    """A folder with an ONNX model that has Perch v2's inputs and outputs, and its labels."""
    onnx = pytest.importorskip("onnx")
    make, numbers = onnx.helper, lambda name, values: onnx.numpy_helper.from_array(np.array(values, np.int64), name)
    nodes = [
        make.make_node("Reshape", ["inputs", "frames"], ["framed"]),
        make.make_node("ReduceL2", ["framed"], ["energies"], axes=[2], keepdims=0),
        make.make_node("Slice", ["energies", "zero", "embedded", "one"], ["embedding"]),  # along the axis 1
        make.make_node("Tile", ["embedding", "times"], ["tiled"]),
        make.make_node("Slice", ["tiled", "zero", "classes", "one"], ["label"]),
    ]
    constants = {"frames": [0, 1600, 100], "zero": [0], "one": [1], "embedded": [1536], "classes": [14795]}
    tensors = [numbers(name, values) for name, values in (constants | {"times": [1, 10]}).items()]
    kind = onnx.TensorProto.FLOAT
    outputs = {"embedding": 1536, "label": 14795}
    graph = make.make_graph(
        nodes,
        "perch",
        [make.make_tensor_value_info("inputs", kind, ["batch", 160000])],
        [make.make_tensor_value_info(name, kind, ["batch", size]) for name, size in outputs.items()],
        tensors,
    )
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8), tmp_path / "perch.onnx")
    lines = ["inat2024", *(f"Genus species{number}" for number in range(14795))]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_an_onnx_model_of_perchs_interface(perch):
    pytest.importorskip("onnxruntime")
    model = adapter(PERCH).load(perch)
    waves = np.stack([check_wave(model), np.zeros(model.samples, np.float32)])
    outputs = model.predict(waves)
    assert outputs.logits.shape == (2, 14795) and outputs.embedding.shape == (2, 1536)
    assert outputs.logits.dtype == outputs.embedding.dtype == np.float32
    wave = waves[0] * (0.25 / np.abs(waves[0]).max())
    energies = np.sqrt((wave.reshape(1600, 100) ** 2).sum(axis=1))
    assert outputs.embedding[0] == pytest.approx(energies[:1536], abs=1e-5)
    assert np.array_equal(outputs.logits[0, :1536], outputs.embedding[0]) and not outputs.logits[1].any()
    assert model.classes.scientific_names[0] == "Genus species0"


def test_an_output_that_the_model_does_not_have_is_one_line(perch):
    pytest.importorskip("onnxruntime")
    with pytest.raises(BirdlibError, match=r"perch.onnx: has no output 'logits'; expected one of embedding, label"):
        adapter(PERCH | {"logits": "logits"}).load(perch)


def test_files_that_are_missing_or_damaged_are_one_line(perch):
    pytest.importorskip("onnxruntime")
    with pytest.raises(BirdlibError, match=r"no gone.txt \(there is labels.csv, perch.onnx\); fill and attach"):
        adapter(PERCH | {"labels_file": "gone.txt"}).load(perch)
    (perch / "perch.onnx").write_bytes(b"damaged")
    with pytest.raises(BirdlibError, match=r"perch.onnx: cannot be loaded \(.*\); fill its dataset anew"):
        adapter(PERCH).load(perch)


def test_an_openvino_model(tmp_path):
    import openvino as ov
    import torch

    class Network(torch.nn.Module):
        def forward(self, waves):
            levels = waves.reshape(waves.shape[0], 8, -1).abs().mean(dim=2)
            return levels[:, :3], levels

    graph = ov.convert_model(Network(), example_input=torch.zeros(1, 96000), input=[-1, 96000])
    ov.save_model(graph, tmp_path / "model.xml", compress_to_fp16=False)
    (tmp_path / "labels.txt").write_text("comrav\ncomswi\ngrewhi1\n")
    table = {"name": "openvino_ir", "title": "ours", "model_file": "model.xml", "labels_file": "labels.txt"}
    table |= {"label_form": "label", "sample_rate": 32000, "window_seconds": 3.0}
    model = adapter(table).load(tmp_path)
    waves = np.random.default_rng(0).normal(0, 0.1, (5, 96000)).astype(np.float32)
    outputs = model.predict(waves)
    levels = np.abs(waves).reshape(5, 8, -1).mean(axis=2)
    assert outputs.embedding == pytest.approx(levels, abs=1e-5) and outputs.logits.shape == (5, 3)
    assert model.classes.labels[0] == "comrav" and model.classes.scientific_names == ("", "", "")
    assert adapter(table | {"embedding": -1}).load(tmp_path).predict(waves).embedding.shape == (5, 0)


@pytest.mark.skipif(
    not (BIRDNET / "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite").exists(), reason="needs datasets/birdnet"
)
def test_birdnet_gives_what_its_recipe_stores():
    import tomllib

    pytest.importorskip("ai_edge_litert")
    recipe = tomllib.loads((BIRDNET.parents[1] / "kernel_templates/kernels.toml").read_text(encoding="utf-8"))
    settings = recipe["kernels"]["outside"]["settings"]
    model = adapter(settings["outside"]).load(BIRDNET)
    assert (len(model.classes), model.samples) == (6522, 144000)
    raven = model.classes.scientific_names.index("Corvus corax")
    assert model.classes.labels[raven] == "Corvus corax_Common Raven"
    assert model.predict(check_wave(model)[None]).embedding.shape == (1, 1024)
    for name, values in outputs_to_store(model).items():
        assert values == pytest.approx(settings["parity"][name], abs=1e-3)


def test_the_adapters_import_their_runtimes_only_when_a_model_is_loaded():
    """The wheels are installed after the adapter says which it needs."""
    for name in ("tflite", "onnx", "openvino_ir"):
        if find_spec(f"birdlib.outside_models.{name}"):
            text = Path(find_spec(f"birdlib.outside_models.{name}").origin).read_text(encoding="utf-8")
            top = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
            assert not any(package in line for line in top for package in ("litert", "onnxruntime", "requests"))


def test_a_checkpoint_of_ours_gives_what_its_network_gives(tmp_path):
    import torch

    from birdlib.frontend.mel import MelSpectrogram

    from ..export.test_checkpoints import CLASSES, FRONT_END, checkpoint, save_checkpoint

    saved = checkpoint(weights=True)
    save_checkpoint(saved, tmp_path / "model.last.pt")
    model = adapter({"name": "checkpoint", "title": "ours", "model_file": "model.last.pt"}).load(tmp_path)
    assert (model.sample_rate, model.window_seconds, model.classes.labels) == (16000, 5, CLASSES)
    waves = np.random.default_rng(0).normal(0, 0.1, (3, 80000)).astype(np.float32)
    network = saved.build()
    network.load_state_dict(saved.ema)
    with torch.no_grad():
        wanted = network.eval()(MelSpectrogram(FRONT_END)(torch.from_numpy(waves))).logits.numpy()
    outputs = model.predict(waves)
    assert outputs.logits == pytest.approx(wanted, abs=1e-4) and outputs.embedding.shape == (3, 0)
    assert np.array_equal(model.predict(waves[1:2]).logits[0], outputs.logits[1])
