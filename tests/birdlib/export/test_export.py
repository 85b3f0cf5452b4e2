"""Export: IRs that compute what torch computes, or nothing."""

from functools import partial

import numpy as np
import pytest
import soundfile
import torch

from birdlib.errors import BirdlibError
from birdlib.export.openvino_ir import PARITY_BOUNDS, export_ir, flush_denormals, seconds_per_window, speedup
from birdlib.export.weight_dataset import WeightDataset, real_mels
from birdlib.frontend.mel import FrontEnd
from birdlib.inference.requests import compile_for_cpu
from birdlib.models.architectures import BirdModel
from birdlib.weights.manifest import Int8Verdict, read_manifest

from ..networks import attention_head, pooled_head, sed_head

FRONT_END = FrontEnd(16000, 5, 512, 512, 32, 50, 8000)
# 1e-40 and -1e-39 by their bits, since a processor told to ignore such numbers would write zeros.
DENORMALS = torch.tensor([71362, -2146770024], dtype=torch.int32).view(torch.float32)
HEADS = {
    "pooled": pooled_head,
    "attention": attention_head,
    "sed": sed_head,
    "sed, log-sum-exp": partial(sed_head, pooling="log_sum_exp", frame_share=0.3),
    "sed, clip only": partial(sed_head, frame_share=0.0),
}


def model(head=pooled_head, seed=0):
    torch.manual_seed(seed)
    backbone = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 5, 4), torch.nn.BatchNorm2d(8), torch.nn.SiLU())
    return BirdModel(backbone, head(8, 6), channels=1).eval()


@pytest.fixture(scope="module")
def mels():
    return torch.randn(10, *FRONT_END.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_ir_gives_torchs_probabilities_at_any_batch(tmp_path, mels, head, precision, batch):
    net = model(head)
    files, difference = export_ir(net, mels, tmp_path, "net", precision)
    assert set(files) == {"net.xml", "net.bin"} == {path.name for path in tmp_path.iterdir()}
    compiled = compile_for_cpu(tmp_path / "net.xml", "f32")
    with torch.no_grad():
        expected = net.scores(mels[:batch]).sigmoid().numpy()
    found = torch.from_numpy(compiled({0: mels[:batch].numpy()})[0]).sigmoid().numpy()
    assert np.abs(found - expected).max() <= PARITY_BOUNDS[precision]
    assert difference <= PARITY_BOUNDS[precision]


def test_float16_weights_take_half_the_space(tmp_path, mels):
    for precision in ("f32", "f16"):
        export_ir(model(attention_head), mels, tmp_path, precision, precision)
    small, large = ((tmp_path / f"{p}.bin").stat().st_size for p in ("f16", "f32"))
    assert small < 0.6 * large


class Branching(torch.nn.Module):
    """Decides in Python by its batch: the traced graph knows one branch only."""

    def __init__(self):
        super().__init__()
        self.inner = model()

    def scores(self, mel):
        logits = self.inner.scores(mel)
        return logits + 0.01 if len(mel) == 2 else logits


def test_a_model_that_the_ir_does_not_reproduce_is_not_written(tmp_path, mels):
    with pytest.raises(BirdlibError, match=r"branching: the IR's probabilities differ .* nothing was written"):
        export_ir(Branching(), mels, tmp_path, "branching", "f32")
    assert not list(tmp_path.iterdir())


def test_an_unknown_precision_is_named(tmp_path, mels):
    with pytest.raises(BirdlibError, match="precision 'int4'"):
        export_ir(model(), mels, tmp_path, "net", "int4")


def test_denormal_weights_are_flushed_to_zero_and_others_stay():
    net = model()
    with torch.no_grad():
        net.head.linear.weight[0, :2] = DENORMALS
        net.head.linear.weight[0, 2] = 1e-30
    assert flush_denormals(net) == 2
    assert net.head.linear.weight[0, :3].tolist() == pytest.approx([0.0, 0.0, 1e-30])
    assert flush_denormals(net) == 0


def test_speed_is_measured_per_window(tmp_path, mels):
    export_ir(model(), mels, tmp_path, "net", "f32")
    assert 0 < seconds_per_window(tmp_path / "net.xml", mels.numpy(), seconds=0.1) < 1


def test_the_same_model_is_as_fast_as_itself(tmp_path, mels):
    export_ir(model(), mels, tmp_path, "net", "f32")
    xml = tmp_path / "net.xml"
    assert 0.3 < speedup(xml, xml, mels[:3].numpy(), seconds=0.1) < 3


def test_more_layers_are_slower(tmp_path, mels):
    small, large = model(), model()
    large.backbone = torch.nn.Sequential(large.backbone, *(torch.nn.Conv2d(8, 8, 3, padding=1) for _ in range(12)))
    for name, net in (("small", small), ("large", large)):
        export_ir(net, mels, tmp_path, name, "f32")
    assert speedup(tmp_path / "large.xml", tmp_path / "small.xml", mels.numpy(), seconds=0.1) > 1.5


FACTS = {
    "name": "net",
    "architecture": "net",
    "front_end": FRONT_END,
    "classes": tuple("abcdef"),
    "seed": 1,
    "fold": 0,
    "score": 0.5,
    "score_name": "test",
    "padding": "cyclic",
    "recipe": {},
}


def test_a_model_that_cannot_be_int8_stays_float(tmp_path, mels):
    def trial(float_xml, int8_xml):
        int8_xml.write_text("half an IR")

    weights = WeightDataset(tmp_path, commit="c", measured_seconds=0.1)
    entry = weights.add(model(seed=1), mels=mels, int8=trial, **FACTS)
    assert (entry.precision, entry.int8) == ("f32", None)
    assert read_manifest(tmp_path, pytest.fail) == [entry]
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "net.xml", "net.bin"}


@pytest.mark.parametrize("taken", [True, False])
def test_int8_stands_in_the_float_models_place_where_it_is_taken(tmp_path, mels, taken):
    verdict = Int8Verdict(
        taken, "padded_cmap", 0.005, "clips", 3, {"padded_cmap": 0.9}, {"padded_cmap": 0.001}, 0.1, 1.4, 8
    )
    before = {}

    def trial(float_xml, int8_xml):
        before.update({file.name: file.read_bytes() for file in (float_xml, float_xml.with_suffix(".bin"))})
        other = int8_xml.parent / "of another model"
        export_ir(model(seed=2), mels, other, "net", "f32")
        for suffix in (".xml", ".bin"):
            (other / "net").with_suffix(suffix).rename(int8_xml.with_suffix(suffix))
        return verdict

    weights = WeightDataset(tmp_path, commit="c", measured_seconds=0.1)
    weights.add(model(seed=1), mels=mels, int8=trial, **FACTS)
    (entry,) = read_manifest(tmp_path, pytest.fail)  # which holds the files against their hashes
    assert entry.precision == ("int8" if taken else "f32") and entry.int8 == verdict
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "net.xml", "net.bin"}
    assert ((tmp_path / "net.bin").read_bytes() == before["net.bin"]) == (not taken)
    assert weights.table().loc["net", "weights"] == entry.precision


def test_the_same_model_gives_the_same_bytes_whatever_was_made_before(tmp_path, mels):
    files = [export_ir(model(attention_head), mels, tmp_path / str(number), "net", "f32")[0] for number in range(2)]
    assert files[0] == files[1]


def test_a_weight_dataset_is_what_the_submission_reads(tmp_path, mels):
    weights = WeightDataset(tmp_path, commit="c0ffee", measured_seconds=0.1)
    with pytest.raises(BirdlibError, match="no model was exported"):
        weights.table()
    for seed in (1, 2):
        values = {
            "mels": mels,
            "name": f"net-seed{seed}",
            "architecture": "net",
            "front_end": FRONT_END,
            "classes": tuple("abcdef"),
            "seed": seed,
            "fold": None,
            "score": seed / 10,
            "score_name": "test",
            "padding": "reflect",
            "recipe": {"seed": 3},
        }
        weights.add(model(seed=seed), **values)
        with pytest.raises(BirdlibError, match=f"net-seed{seed}: exported already"):
            weights.add(model(seed=7), **values)
        faults = []
        found = read_manifest(tmp_path, faults.append)
        assert not faults and len(found) == seed
    assert [entry.name for entry in found] == ["net-seed2", "net-seed1"]
    assert found[0].front_end == FRONT_END and found[0].classes == tuple("abcdef") and found[0].commit == "c0ffee"
    assert len(weights.table()) == 2


def test_denormals_are_found_also_where_the_processor_takes_them_for_zeros():
    net = model()
    with torch.no_grad():
        net.head.linear.weight[0, :2] = DENORMALS
    assert torch.set_flush_denormal(True)
    try:
        assert flush_denormals(net) == 2
    finally:
        torch.set_flush_denormal(False)
    assert net.head.linear.weight[0, :2].tolist() == [0.0, 0.0]


def test_a_recording_that_cannot_be_read_is_left_out_and_named(tmp_path, capsys):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * 16000)
    soundfile.write(tmp_path / "good.wav", noise, 16000)
    (tmp_path / "broken.ogg").write_text("not audio")
    mels = real_mels((tmp_path / "broken.ogg", tmp_path / "good.wav"), FRONT_END, "cyclic")
    assert mels.shape == (2, *FRONT_END.shape)
    assert "left out: broken.ogg: cannot be read as audio" in capsys.readouterr().out
