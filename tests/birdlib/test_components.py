"""Components: what a recipe names is built from a file of that name."""

import pytest

from birdlib.components import component
from birdlib.errors import BirdlibError


def test_a_table_becomes_the_dataclass_of_its_name():
    sampler = component("samplers", {"name": "balanced", "least": 3})
    assert type(sampler).__module__ == "birdlib.samplers.balanced" and sampler.least == 3
    assert type(component("losses", {"name": "soft_auc"})).__name__ == "SoftAuc"
    assert component("losses", {"name": "distillation", "shares": [1, 0, 0]}).shares == (1, 0, 0)


@pytest.mark.parametrize(
    ("kind", "name"), [("losses", "divergence"), ("losses", "weighted_sum"), ("augmentation", "recipe")]
)
def test_a_file_that_components_share_is_no_component(kind, name):
    with pytest.raises(BirdlibError, match=f"^{kind}: '{name}' is not in this notebook; name a component"):
        component(kind, {"name": name})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "balancd"}, "samplers: 'balancd' is not in this notebook; name a component of birdlib/samplers/"),
        ({"name": "../losses/bce"}, "samplers: '../losses/bce' is not in this notebook"),
        ({"name": 3}, "samplers: {'name': 3}; expected a table with a name"),
        ("balanced", "samplers: 'balanced'; expected a table with a name"),
        ({"name": "balanced", "most": 1}, "samplers: balanced has no parameter 'most'; it has least"),
        ({"name": "source_shares"}, "samplers: source_shares needs shares; add it to the recipe's table"),
        ({"name": "balanced", "least": 0}, "sampler balanced: least = 0; expected a whole number from 1 on"),
        ({"name": "balanced", "least": True}, "sampler balanced: least = True; expected a whole number"),
    ],
)
def test_what_cannot_be_built_is_one_line(table, said):
    with pytest.raises(BirdlibError) as error:
        component("samplers", table)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)
