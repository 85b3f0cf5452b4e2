"""The manifest: what is written is read back, and each kind of damage is named."""

import json
from dataclasses import asdict, replace

import pytest

from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd
from birdlib.frontend.normalisation import Normalisation
from birdlib.weights.manifest import Int8Verdict, ModelEntry, read_manifest, sha256, write_manifest

FRONT_END = FrontEnd(32000, 5, 2048, 512, 128, 20, 16000)
VERDICT = Int8Verdict(
    taken=True,
    metric="padded_cmap",
    max_loss=0.005,
    heard="clips out of fold",
    windows=300,
    float_scores={"padded_cmap": 0.8, "macro_roc_auc": None},
    loss={"padded_cmap": -0.001, "macro_roc_auc": None},
    difference=0.1,
    speedup=1.45,
    calibration_windows=128,
)


def entry(folder, name, score=None, **values):
    for suffix in (".xml", ".bin"):
        (folder / f"{name}{suffix}").write_bytes(name.encode() + suffix.encode())
    files = {f"{name}{suffix}": sha256(folder / f"{name}{suffix}") for suffix in (".xml", ".bin")}
    defaults = dict(
        name=name,
        architecture="rexnet150",
        front_end=FRONT_END,
        classes=("abc1", "12345"),
        precision="f32",
        files=files,
        seed=1,
        fold=0,
        score=score,
        score_name="out-of-fold padded cmAP",
        seconds_per_window=0.02,
        parity=1e-6,
        recipe={"epochs": 200},
        commit="0123456789ab",
    )
    return ModelEntry(**defaults | values)


def stop(error):
    raise error


@pytest.fixture
def folder(tmp_path):
    write_manifest(
        tmp_path, [entry(tmp_path, "weak", 0.7), entry(tmp_path, "unscored"), entry(tmp_path, "strong", 0.9)]
    )
    return tmp_path


def test_models_come_back_as_written_strongest_first(folder):
    models = read_manifest(folder, stop)
    assert [model.name for model in models] == ["strong", "weak", "unscored"]
    assert models[0] == entry(folder, "strong", 0.9)


def test_a_verdict_about_int8_comes_back_as_written(tmp_path):
    written = [entry(tmp_path, "small", 0.9, precision="int8", int8=VERDICT)]
    written += [entry(tmp_path, "float", 0.8, int8=replace(VERDICT, taken=False))]
    write_manifest(tmp_path, written)
    assert read_manifest(tmp_path, stop) == written


def test_a_manifest_from_before_int8_is_still_read(folder):
    change(folder, lambda c: [model.pop("int8") for model in c["models"]])
    assert [model.int8 for model in read_manifest(folder, stop)] == [None, None, None]


def test_front_ends_are_stored_whole_and_older_ones_normalised_each_window(folder):
    fixed = {"name": "fixed", "mean": -40.0, "deviation": 20.0}
    change(folder, lambda c: [model["front_end"].update(normalisation=fixed) for model in c["models"]])
    assert read_manifest(folder, stop)[0].front_end == replace(FRONT_END, normalisation=Normalisation(**fixed))
    change(folder, lambda c: [model["front_end"].pop("normalisation") for model in c["models"]])
    assert read_manifest(folder, stop)[0].front_end == FRONT_END


@pytest.mark.parametrize(
    ("recipe", "padding"), [({"padding": "reflect"}, "reflect"), ({"weights": "random"}, "cyclic")]
)
def test_an_older_manifest_says_the_padding_in_the_trainings_settings_or_means_cyclic(folder, recipe, padding):
    def as_before(content):
        for model in content["models"]:
            del model["padding"]
            model["recipe"] = recipe

    change(folder, as_before)
    assert [model.padding for model in read_manifest(folder, stop)] == [padding] * 3


def change(folder, edit):
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def verdict(**changes):
    return asdict(VERDICT) | changes


DAMAGE = {
    "a flipped byte": (lambda f: (f / "weak.bin").write_bytes(b"wEak.bin"), r"weak\.bin: damaged"),
    "a missing file": (lambda f: (f / "weak.bin").unlink(), r"weak\.bin: missing"),
    "a missing field": (lambda f: change(f, lambda c: c["models"][0].pop("front_end")), "front_end missing"),
    "a number for a class": (
        lambda f: change(f, lambda c: c["models"][0].update(classes=["abc1", 12345])),
        "classes must be distinct labels",
    ),
    "a bad front end": (
        lambda f: change(f, lambda c: c["models"][0]["front_end"].update(hop_length=-1)),
        "hop_length = -1 is out of range",
    ),
    "a padding that there is not": (
        lambda f: change(f, lambda c: c["models"][0].update(padding="wrap")),
        r"model 1 \(weak\): padding = 'wrap': expected one of cyclic, zeros, reflect",
    ),
    "a front end of halves": (
        lambda f: change(f, lambda c: c["models"][0]["front_end"].update(n_fft=2048.5)),
        "n_fft = 2048.5 is not a whole number",
    ),
    "a model that takes no time": (
        lambda f: change(f, lambda c: c["models"][0].update(seconds_per_window=0)),
        "seconds_per_window is 0",
    ),
    "a score that is none": (
        lambda f: change(f, lambda c: c["models"][0].update(score=float("nan"))),
        "score is nan",
    ),
    "a file elsewhere": (
        lambda f: change(f, lambda c: c["models"][0]["files"].update({"../manifest.json": "0"})),
        "missing",
    ),
    "a verdict without its loss": (
        lambda f: change(f, lambda c: c["models"][0].update(int8=verdict(loss=None))),
        r"model 1 \(weak\): int8: loss is a NoneType",
    ),
    "half a verdict": (
        lambda f: change(f, lambda c: c["models"][0].update(int8={"taken": True})),
        "int8: metric, max_loss, heard, .* missing",
    ),
    "float files called INT8": (
        lambda f: change(f, lambda c: c["models"][0].update(int8=verdict())),
        "precision 'f32', but INT8 taken = True",
    ),
    "a speed-up of nothing": (
        lambda f: change(f, lambda c: c["models"][0].update(int8=verdict(taken=False, speedup=0))),
        "its speed-up 0",
    ),
    "a name twice": (
        lambda f: change(f, lambda c: c["models"][0].update(c["models"][2])),
        "stands twice",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_model_is_named_and_the_others_stay_usable(folder, damage):
    spoil, reason = DAMAGE[damage]
    spoil(folder)
    with pytest.raises(BirdlibError, match=reason) as caught:
        read_manifest(folder, stop)
    assert "\n" not in str(caught.value)
    faults = []
    models = read_manifest(folder, faults.append)
    assert len(faults) == 1 and len(models) == 2 and "unscored" in [model.name for model in models]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no manifest.json"),
        ("{", "cannot be read as JSON"),
        ('{"schema": 99}', "not a manifest of schema 1"),
        ('{"schema": 1, "models": []}', "lists no model"),
    ],
)
def test_without_a_readable_manifest_nothing_is_trusted(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BirdlibError, match=reason):
        read_manifest(tmp_path, stop)


def test_a_manifest_is_replaced_whole(folder):
    write_manifest(folder, [entry(folder, "new", 0.8)])
    assert [model.name for model in read_manifest(folder, stop)] == ["new"]
    assert not list(folder.glob("*.part"))
