"""Weights to start from: every tensor in its place, or one line and nothing changed."""

import pytest
import safetensors.torch
import timm
import torch
import torchvision

from birdlib.errors import BirdlibError
from birdlib.models.backbones import start_from_backbone
from birdlib.models.pretrained import find_pretrained, load_pretrained

from ..networks import build_model


def published(name):
    """The state dict of a whole ImageNet classifier as its authors publish it: three channels, 1000 classes."""
    torch.manual_seed(11)
    if name == "efficientnet-b2":
        return torchvision.models.efficientnet_b2(weights=None).state_dict()
    return timm.create_model({"rexnet150": "rexnet_150"}.get(name, name), in_chans=3, num_classes=1000).state_dict()


def model_of(architecture, seed=0, **changes):
    torch.manual_seed(seed)
    return build_model(architecture, 5, **{"dropout": 0.3, "drop_path": 0.0} | changes)


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def folder(tmp_path):
    """Writes a state dict as a file of the dataset; returns the dataset's folder."""

    def write(name, state, suffix=".safetensors"):
        path = tmp_path / f"{name}{suffix}"
        safetensors.torch.save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("architecture", "suffix", "first", "prefix"),
    [
        ("test_resnet", ".safetensors", "conv1.0.weight", ""),
        ("test_nfnet-time", ".pth", "stem.conv.weight", ""),
        ("rexnet150-time", ".pth", "stem.conv.weight", ""),
        ("tf_efficientnet_lite0", ".pth", "conv_stem.weight", ""),
        ("efficientnet-b2", ".pth", "0.0.weight", "features."),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_backbone_becomes_the_published_one_and_the_head_stays(
    folder, architecture, suffix, first, prefix, channels
):
    name = architecture.removesuffix("-time")
    state = published(name)
    where = folder(name, state, suffix)
    model = model_of(architecture, channels=channels)
    head = {key: value.clone() for key, value in model.head.state_dict().items()}
    assert load_pretrained(model, name, where) == where / f"{name}{suffix}"
    found = model.backbone.state_dict()
    first = first if first in found else next(iter(found))
    for key, value in found.items():
        expected = state[prefix + key]
        if key == first and channels == 1:
            expected = expected.sum(1, keepdim=True)
        torch.testing.assert_close(value, expected, msg=lambda text, key=key: f"{key}: {text}")
    assert same(model.head.state_dict(), head)


def test_one_channel_hears_what_three_equal_ones_do(folder):
    where = folder("test_resnet", published("test_resnet"))
    mel = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    outcomes = []
    for channels in (1, 3):
        model = model_of("test_resnet", channels=channels).eval()
        load_pretrained(model, "test_resnet", where)
        with torch.no_grad():
            outcomes.append(model.backbone(mel.expand(-1, channels, -1, -1)))
    torch.testing.assert_close(*outcomes)


def test_it_is_what_timm_itself_loads(folder):
    where = folder("test_efficientnet", published("test_efficientnet"))
    model = model_of("test_efficientnet", channels=1)
    load_pretrained(model, "test_efficientnet", where)
    timms = timm.create_model(
        "test_efficientnet", pretrained=True, in_chans=1, num_classes=0, global_pool="",
        pretrained_cfg_overlay={"file": str(where / "test_efficientnet.safetensors")},
    )  # fmt: skip
    assert same(model.backbone.state_dict(), timms.state_dict())


def test_checkpoints_of_training_scripts_and_old_files_are_read_too(folder):
    state = published("test_resnet")
    wrapped = {
        "state_dict": {f"module.{name}": value for name, value in state.items() if not name.endswith("batches_tracked")}
    }
    model = model_of("test_resnet", channels=3)
    load_pretrained(model, "test_resnet", folder("test_resnet", wrapped, ".pth"))
    assert torch.equal(next(iter(model.backbone.state_dict().values())), next(iter(state.values())))


def test_there_is_no_falling_back_to_random_weights(tmp_path):
    (tmp_path / "other.pth").write_bytes(b"")
    with pytest.raises(BirdlibError) as error:
        load_pretrained(model_of("test_resnet"), "test_resnet", tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: no file test_resnet.safetensors or test_resnet.pth "
        "(there: other.pth); run `python build_kernels.py --target pretrained` on a machine with network and attach "
        "the dataset"
    )


def test_the_file_is_found_in_the_folders_of_a_dataset_and_two_are_one_too_many(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "lcnet_050.pth").write_bytes(b"")
    assert find_pretrained("lcnet_050", tmp_path) == tmp_path / "deep" / "lcnet_050.pth"
    (tmp_path / "lcnet_050.safetensors").write_bytes(b"")
    with pytest.raises(BirdlibError, match="2 files lcnet_050.safetensors or lcnet_050.pth .* keep one of them"):
        find_pretrained("lcnet_050", tmp_path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda state: state.pop("layer1.0.bn2.weight"), "1 tensors are missing, as layer1.0.bn2.weight"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 are unknown, as extra"),
        (
            lambda state: state.update({"layer1.0.bn2.weight": torch.zeros(7)}),
            r"1 have another shape, as layer1.0.bn2.weight \[7\] instead of",
        ),
        (lambda state: state.clear(), "tensors are missing"),
    ],
)
def test_tensors_that_do_not_fit_are_one_line_and_nothing_changes(folder, spoil, says):
    state = published("test_resnet")
    spoil(state)
    model, untouched = model_of("test_resnet"), model_of("test_resnet")
    with pytest.raises(BirdlibError, match=f"test_resnet.pth: does not fit the model's backbone: .*{says}") as error:
        load_pretrained(model, "test_resnet", folder("test_resnet", state, ".pth"))
    assert "\n" not in str(error.value) and same(model.state_dict(), untouched.state_dict())


def test_another_architectures_file_does_not_fit(folder):
    with pytest.raises(BirdlibError, match="are missing, as .*; .* are unknown, as .*of this very architecture"):
        load_pretrained(model_of("test_resnet"), "test_resnet", folder("test_resnet", published("test_efficientnet")))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"cut"])
def test_a_file_that_is_cut_or_no_state_dict_is_one_line(folder, content, suffix):
    where = folder("test_resnet", published("test_resnet"), suffix)
    path = where / f"test_resnet{suffix}"
    path.write_bytes(path.read_bytes()[:1000] if content == b"cut" else content)
    with pytest.raises(BirdlibError, match="cannot be read as pretrained weights .*fill the dataset again") as error:
        load_pretrained(model_of("test_resnet"), "test_resnet", where)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- a teacher's backbone


def test_a_time_student_starts_from_its_teachers_backbone_with_a_head_of_its_own():
    teacher, student = model_of("test_resnet", seed=1), model_of("test_resnet-time", seed=2)
    head = {name: value.clone() for name, value in student.head.state_dict().items()}
    start_from_backbone(student, teacher.state_dict())
    assert same(student.backbone.state_dict(), teacher.backbone.state_dict())
    assert same(student.head.state_dict(), head)
    # Copies: what the student learns is not the teacher's.
    with torch.no_grad():
        next(student.backbone.parameters()).add_(1.0)
    assert not same(student.backbone.state_dict(), teacher.backbone.state_dict())


@pytest.mark.parametrize(("architecture", "channels"), [("test_efficientnet", 1), ("test_resnet", 3)])
def test_a_teacher_with_another_backbone_is_one_line(architecture, channels):
    student = model_of("test_resnet-time")
    teacher = model_of(architecture, channels=channels)
    with pytest.raises(
        BirdlibError, match="the teacher's backbone: does not fit .* own architecture and channels only"
    ):
        start_from_backbone(student, teacher.state_dict())


def test_another_implementation_of_the_network_is_taken_by_the_order_of_its_tensors(folder):
    state = published("test_resnet")
    names = {name: f"_{name.replace('.', '-')}" for name in state}
    model, own = model_of("test_resnet"), model_of("test_resnet")
    load_pretrained(own, "test_resnet", folder("test_resnet", state))
    (folder("test_resnet", state) / "test_resnet.safetensors").unlink()
    renamed = {names[name]: value for name, value in state.items()}
    load_pretrained(model, "test_resnet", folder("test_resnet", renamed, ".pth"))  # it keeps the order
    assert same(model.backbone.state_dict(), own.backbone.state_dict())
    assert torch.equal(model.backbone.state_dict()["conv1.0.weight"], state["conv1.0.weight"].sum(1, keepdim=True))
