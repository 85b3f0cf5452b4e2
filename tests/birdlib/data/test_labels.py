"""Lists of labels, in every way that people and programs write them."""

import numpy as np
import pandas as pd
import pytest

from birdlib.data.labels import parse_labels

TWO = ["houspa", "towwar"]


@pytest.mark.parametrize(
    "text",
    [
        "['houspa', 'towwar']",
        "['houspa' 'towwar']",
        "['houspa'\n 'towwar']",
        "['houspa''towwar']",
        '["houspa", "towwar"]',
        '[""houspa"", ""towwar""]',
        '[\\"houspa\\", \\"towwar\\"]',
        "[&quot;houspa&quot;, &quot;towwar&quot;]",
        "[\u2018houspa\u2019, \u2018towwar\u2019]",
        "{'houspa', 'towwar'}",
        "('houspa', 'towwar')",
        "frozenset({'houspa', 'towwar'})",
        "array(['houspa', 'towwar'], dtype=object)",
        "np.array(['houspa', 'towwar'], dtype='<U6')",
        "[np.str_('houspa'), np.str_('towwar')]",
        "[u'houspa', b'towwar']",
        "[['houspa'], ['towwar']]",
        "[houspa, towwar]",
        "['houspa; towwar']",
        "\"['houspa', 'towwar']\"",
        "['houspa', nan, 'towwar', None, '']",
        "houspa towwar",
        "houspa, towwar",
        "houspa|towwar",
        "houspa ; towwar",
        "houspa/towwar",
        "houspa\ttowwar",
        "houspa & towwar",
        "{houspa,towwar}",
    ],
)
def test_two_labels_are_two_labels(text):
    assert parse_labels(text) == TWO


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "['']",
        '[""]',
        "set()",
        "()",
        "{}",
        "nan",
        "NaN",
        "None",
        "[nan]",
        "null",
        "N/A",
        "<NA>",
        "-",
        " ",
        "array([], dtype=object)",
    ],
)
def test_no_label_is_no_label(text):
    assert parse_labels(text) == []


def test_what_numpy_and_pandas_write_is_read():
    many = [f"bird{number}" for number in range(60)]
    assert parse_labels(str(np.array(many))) == many  # over several lines
    assert parse_labels(repr(np.array(many))) == many
    assert parse_labels(str(np.array([1139490, 22985]))) == ["1139490", "22985"]
    assert parse_labels(str(pd.Index(TWO))) == TWO
    assert parse_labels(str(TWO)) == parse_labels(str(tuple(TWO))) == TWO


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("[1139490, 41663]", ["1139490", "41663"]),
        ("1139490.0", ["1139490"]),
        ("[0123]", ["0123"]),
        ("1161364;22930", ["1161364", "22930"]),
        ("47158son16", ["47158son16"]),
        ("['null']", ["null"]),  # a label, since it is quoted
        ("['mexican-jay']", ["mexican-jay"]),
    ],
)
def test_labels_stay_strings(text, labels):
    assert parse_labels(text) == labels


@pytest.mark.parametrize(
    "text",
    [
        "['a', 'b'",
        "'a', 'b",
        "['a', 'b']]",
        '{"a": 1.0, "b": 0.3}',
        "['a' 'b' ... 'z']",
        "[__import__('os')]",
        "[1.5]",
        "<b>a</b>",
        "a=b",
    ],
)
def test_what_is_no_list_of_labels_is_refused(text):
    with pytest.raises(ValueError):
        parse_labels(text)
