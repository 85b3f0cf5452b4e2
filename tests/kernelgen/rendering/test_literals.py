"""Settings are written as Python literals that read back as what they were."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelgen.rendering.python_literals import literal

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=8),
    max_leaves=60,
)


@given(values, st.integers(0, 60), st.integers(0, 8))
def test_every_value_reads_back_as_it_was(value, column, indent):
    text = literal(value, column=column, indent=indent)
    assert ast.literal_eval(text) == value
    assert literal(value, column=column, indent=indent) == text


@given(st.lists(st.text(alphabet="abcdef", max_size=12), min_size=20))
def test_long_lists_of_short_values_keep_to_the_width(value):
    assert all(len(line) <= 100 for line in literal(value, column=12).split("\n"))


def test_types_survive():
    assert literal(1.0) == "1.0" and literal(1) == "1" and literal(True) == "True" and literal(None) == "None"
    assert literal("a") == '"a"' and literal('a"b') == "'a\"b'" and literal("it's") == '"it\'s"'


@pytest.mark.parametrize("value", [float("inf"), float("nan"), object(), {1, 2}, [b"x"]])
def test_what_has_no_literal_is_refused(value):
    with pytest.raises(ValueError, match="has no Python literal"):
        literal(value)
