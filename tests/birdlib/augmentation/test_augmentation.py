"""The augmentations of a recipe together: order, probabilities, doubled clips, and what is refused."""

import dataclasses
import importlib
import json
import re
from pathlib import Path

import pytest
import torch

import birdlib.augmentation
from birdlib.augmentation.augmentation_context import AugmentationContext
from birdlib.augmentation.batch import Batch
from birdlib.augmentation.recipe import Augmentation
from birdlib.augmentation.steps import MELS, Step
from birdlib.errors import BirdlibError
from birdlib.frontend.mel import FrontEnd, MelSpectrogram
from birdlib.models.architectures import BirdModel
from birdlib.models.parts import mel_of_parts

from ..networks import attention_head, pooled_head

RECIPE = [
    {"name": "concatmix", "p": 0.5, "length": "doubled"},
    {"name": "sumix", "p": 1.0, "low": 0.3, "high": 1.0},
    {"name": "mixup", "p": 1.0, "alpha": 1.5},
    {"name": "cutmix", "p": 0.5, "alpha": 1.5},
]


def augmentation_of(steps):
    return Augmentation(steps, AugmentationContext(16000, Path))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def waves(size=4, samples=12):
    random = torch.Generator().manual_seed(7)
    targets = (torch.rand(size, 5, generator=random) > 0.6).float()
    return Batch(torch.randn(size, samples, generator=random), targets, torch.ones(size, 5))


def test_each_step_happens_to_whole_batches_with_its_probability():
    augmentation = augmentation_of(RECIPE)
    doubled = [augmentation.waves(waves(), generator(seed)).parts == 2 for seed in range(1000)]
    assert sum(doubled) / 1000 == pytest.approx(0.5, abs=0.08)
    cutmix = augmentation_of(RECIPE[3:])
    before = Batch(torch.randn(8, 1, 16, 16), torch.eye(8), torch.ones(8, 8))
    touched = [not torch.equal(cutmix.mels(before, generator(seed)).input, before.input) for seed in range(1000)]
    assert sum(touched) / 1000 == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("p", [0, 1, 0.0, 1.0])
def test_a_probability_of_nought_is_never_and_of_one_is_always(p):
    augmentation = augmentation_of([{"name": "concatmix", "p": p}])
    assert {augmentation.waves(waves(), generator(seed)).parts for seed in range(50)} == {2 if p else 1}


def test_steps_follow_in_the_recipes_order():
    """Doubled before summed: both windows of a clip are mixed with the same partner's."""
    silent = Batch(torch.zeros(3, 4), torch.zeros(3, 2), torch.ones(3, 2))
    first = augmentation_of([{"name": "concatmix", "p": 1}, {"name": "sumup", "p": 1}]).waves(silent, generator())
    assert first.input.shape == (3, 8) and first.parts == 2
    steps = [{"name": "sumup", "p": 1.0}, {"name": "sumix", "p": 1.0, "low": 0.5, "high": 0.5}]
    before = waves(1)  # its own partner: (w + w) * 0.5 + (w + w) * 0.5
    torch.testing.assert_close(augmentation_of(steps).waves(before, generator()).input, 2 * before.input)


def test_without_steps_nothing_happens():
    before = waves()
    assert augmentation_of([]).waves(before, generator()) is before


def test_the_same_generator_gives_the_same_batch_and_goes_on_from_there():
    augmentation = augmentation_of(RECIPE)

    def run(generator):
        outcomes = []
        for _ in range(3):
            batch = augmentation.waves(waves(), generator)
            mels = Batch(batch.input.view(4, 1, 4, -1), batch.targets, batch.weights, batch.parts)
            outcomes.append(augmentation.mels(mels, generator))
        return outcomes

    first, second = run(generator(1)), run(generator(1))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.input, other.input) and torch.equal(one.targets, other.targets)
    assert not torch.equal(first[0].input, first[1].input)


@pytest.mark.parametrize("head", [pooled_head, attention_head])
@pytest.mark.parametrize("size", [1, 3])
def test_the_whole_recipe_goes_from_waves_to_logits(head, size):
    front_end = FrontEnd(16000, 1, 512, 256, 32, 50, 8000)
    augmentation, mel = augmentation_of(RECIPE), MelSpectrogram(front_end)
    backbone = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 5, 4), torch.nn.SiLU())
    model = BirdModel(backbone, head(8, 5), channels=1)
    seen = set()
    for seed in range(8):
        batch = augmentation.waves(waves(size, front_end.samples), generator(seed))
        mels = mel_of_parts(mel, batch.input, batch.parts)
        assert mels.shape == (size, 1, 32, batch.parts * front_end.frames)
        batch = augmentation.mels(Batch(mels, batch.targets, batch.weights, batch.parts), generator(seed))
        logits = model.scores(batch.input, parts=batch.parts)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.targets, batch.weights)
        loss.backward()
        assert logits.shape == (size, 5) and loss.isfinite()
        seen.add(batch.parts)
    assert seen == {1, 2}


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([{"name": "sumiks", "p": 1.0}], "unknown name 'sumiks'; expected one of"),
        ([{"name": "steps", "p": 1.0}], "unknown name 'steps'"),
        ([{"name": "batch", "p": 1.0}], "batch has no parameter 'p'"),
        ([{"name": ["mixup"], "p": 1.0}], r"\['mixup'\].*; expected a table with a name"),
        (["mixup"], "'mixup'; expected a table with a name"),
        ([{"p": 1.0}], "expected a table with a name"),
        ([{"name": "mixup", "alpha": 1.5}], "mixup needs 'p'; add it"),
        ([{"name": "mixup", "p": 1.0}], "mixup needs 'alpha'; add it"),
        ([{"name": "mixup", "p": 1.0, "alfa": 1}], "mixup has no parameter 'alfa'; expected p, alpha"),
        ([{"name": "sumup", "p": 1.0, "low": 1}], "sumup has no parameter 'low'; expected p"),
        ([{"name": "mixup", "p": 1.5, "alpha": 1}], "mixup: p = 1.5; expected a number from 0 to 1"),
        ([{"name": "mixup", "p": True, "alpha": 1}], "mixup: p = True; expected a number"),
        ([{"name": "mixup", "p": 1, "alpha": 0}], "mixup: alpha = 0; expected a number from 0.01 to 1000"),
        ([{"name": "cutmix", "p": 1, "alpha": "1"}], "cutmix: alpha = '1'; expected a number"),
        ([{"name": "sumix", "p": 1, "low": 0.6, "high": 0.5}], "sumix: high = 0.5; expected a number from 0.6 on"),
        ([{"name": "sumix", "p": 1, "low": -0.1, "high": 0.5}], "sumix: low = -0.1; expected a number from 0 on"),
        ([{"name": "sumix", "p": 1, "low": float("nan"), "high": 0.5}], "sumix: low = nan; expected"),
        ([{"name": "sumix", "p": 1, "low": 0, "high": 0}], "sumix: high = 0 leaves no sound"),
        ([{"name": "sumix", "p": 1, "low": 0, "high": 1, "curve": "ramp"}], "sumix: curve = 'ramp'; expected one of"),
        ([{"name": "sumix", "p": 1, "low": 0, "high": 1, "curve": []}], "expected points .* rising coefficients"),
        ([{"name": "sumix", "p": 1, "low": 0, "high": 1, "curve": [[0, 0], [0, 1]]}], "rising coefficients"),
        ([{"name": "sumix", "p": 1, "low": 0, "high": 1, "curve": [0.5, 1]}], "expected points"),
        ([{"name": "sumix", "p": 1, "low": 0, "high": 1, "curve": [[0, 2]]}], r"curve = \[\[0, 2\]\]; expected points"),
        ([{"name": "concatmix", "p": 1, "length": "halved"}], "length = 'halved'; expected one of 'doubled', 'same'"),
        (
            [RECIPE[2], RECIPE[1]],
            "sumix works on waves and cannot come after mixup, which works on mel spectrograms; put it before",
        ),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_one_line(steps, says):
    with pytest.raises(BirdlibError, match=says) as error:
        augmentation_of(steps)
    assert "\n" not in str(error.value) and str(error.value).startswith("augmentation")


def test_waves_where_mels_are_due_are_refused():
    augmentation = augmentation_of(RECIPE)
    with pytest.raises(BirdlibError, match=r"input \[4, 12\]; expected mel spectrograms"):
        augmentation.mels(waves(), generator())
    with pytest.raises(BirdlibError, match=r"input \[4, 1, 3, 4\]; expected waves"):
        before = waves()
        augmentation.waves(Batch(before.input.view(4, 1, 3, 4), before.targets, before.weights), generator())


def test_the_docs_table_has_every_step_and_its_parameters_with_their_defaults():
    text = (Path(__file__).parents[3] / "docs/training.md").read_text(encoding="utf-8")
    section = text.partition("### Augmentations")[2].partition("\n#")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    told = {name: row for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    folder = Path(birdlib.augmentation.__path__[0])
    steps = {}
    for path in folder.glob("*.py"):
        name = "".join(word.capitalize() for word in path.stem.split("_"))
        made = getattr(importlib.import_module(f"birdlib.augmentation.{path.stem}"), name, None)
        if isinstance(made, type) and issubclass(made, Step):
            steps[path.stem] = made
    assert told.keys() == steps.keys()
    for name, made in steps.items():
        _, on, _, parameters, _ = told[name]
        assert on == f"{'mels' if made.takes == MELS else 'waves'}, {made.happens_to}"
        fields = {field.name: field.default for field in dataclasses.fields(made) if field.name != "p"}
        assert re.findall(r"`(\w+)`", parameters) == list(fields)
        for field, default in fields.items():
            if default is not dataclasses.MISSING:
                value = json.dumps(default) if isinstance(default, str | bool) else f"{default:g}"
                assert f"`{field}` ({value}" in parameters
