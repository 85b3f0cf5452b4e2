"""Components: what a recipe names is made, and what it gets wrong is told in one line."""

import sys

import pytest

import birdlib
from birdlib.components import component
from birdlib.errors import BirdlibError

SOFT_HORN = """
from dataclasses import dataclass, field
from birdlib.components import check_number

@dataclass(frozen=True)
class SoftHorn:
    volume: float
    keys: int = 3
    notes: dict = field(default_factory=dict)

    def __post_init__(self):
        check_number(self, "volume", 0, 11)
        check_number(self, "keys", 1, whole=True)
"""


@pytest.fixture
def instruments(tmp_path, monkeypatch):
    """A kind of components with a file of its own."""
    kind = tmp_path / "instruments"
    kind.mkdir()
    (kind / "__init__.py").write_text("")
    (kind / "soft_horn.py").write_text(SOFT_HORN)
    (kind / "needy.py").write_text("import a_package_that_nobody_has\n")
    (kind / "empty.py").write_text("class Other: pass\n")
    monkeypatch.setattr(birdlib, "__path__", [*birdlib.__path__, str(tmp_path)])
    yield "instruments"
    for name in [name for name in sys.modules if name.startswith("birdlib.instruments")]:
        del sys.modules[name]


def test_a_table_becomes_the_dataclass_of_its_name(instruments):
    horn = component(instruments, {"name": "soft_horn", "volume": 2.5, "notes": {"a": 1}})
    assert (type(horn).__name__, horn.volume, horn.keys, horn.notes) == ("SoftHorn", 2.5, 3, {"a": 1})


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"name": "tuba"}, "instruments: unknown name 'tuba'; expected one of soft_horn"),
        ({"name": "empty"}, "instruments: unknown name 'empty'"),
        ({"name": "os.path"}, "instruments: unknown name 'os.path'"),
        ({"name": "__init__"}, "instruments: unknown name '__init__'"),
        ({"volume": 1}, "expected a table with a name, such as"),
        ("soft_horn", "instruments: 'soft_horn'; expected a table with a name"),
        ({"name": 3}, "expected a table with a name"),
        ({"name": "soft_horn"}, "instruments: soft_horn needs 'volume'; add it"),
        ({"name": "soft_horn", "volume": 1, "loud": 2}, "soft_horn has no parameter 'loud'; expected volume, keys, no"),
        ({"name": "soft_horn", "volume": 12}, "instruments: soft_horn: volume = 12; expected a number from 0 to 11"),
        ({"name": "soft_horn", "volume": float("nan")}, "volume = nan; expected a number from 0 to 11"),
        ({"name": "soft_horn", "volume": True}, "volume = True; expected a number from 0 to 11"),
        ({"name": "soft_horn", "volume": "1"}, "volume = '1'; expected a number from 0 to 11"),
        ({"name": "soft_horn", "volume": 1, "keys": 1.5}, "keys = 1.5; expected a whole number from 1 on"),
        ({"name": "soft_horn", "volume": 1, "keys": 0}, "keys = 0; expected a whole number from 1 on"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_table_is_told_in_one_line(instruments, table, told):
    with pytest.raises(BirdlibError) as caught:
        component(instruments, table)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_component_whose_own_package_is_missing_is_not_called_unknown(instruments):
    with pytest.raises(ModuleNotFoundError, match="a_package_that_nobody_has"):
        component(instruments, {"name": "needy"})
