"""One person under several spellings is one person."""

import unicodedata

import pytest

from birdlib.data.authors import people


@pytest.mark.parametrize(
    "spelling",
    [
        " josé  NÚÑEZ ",
        unicodedata.normalize("NFD", "José Núñez"),
        "José\u00a0Núñez",
        "José\u3000Núñez",
        "José Núñez\u200b",
        "\ufeffJosé\u200e Núñez",
        "José\tNúñez\n",
        "Ｊｏｓé Núñez",
        "José Núñez".encode().decode("latin-1"),
        "Jos&eacute; N&uacute;&ntilde;ez",
        "(c) José Núñez, some rights reserved (CC BY-NC)",
        "© José Núñez",
        "José Núñez (CC BY-NC 4.0)",
    ],
)
def test_another_spelling_is_the_same_person(spelling):
    numbers = people(["José Núñez", "Ann", spelling])
    assert numbers[0] == numbers[2] != numbers[1]


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("JOSÑ", "JOSÑ".encode().decode("cp1252")),
        ("Sean O'Brien", "Sean O’Brien"),
        ("Jean-Luc Roux", "Jean‐Luc Roux"),
        ("Jean-Luc Roux", "Jean–Luc Roux"),
    ],
)
def test_marks_that_look_alike_are_the_same(name, spelling):
    assert len(set(people([name, spelling]))) == 1


def test_other_people_are_other_people():
    assert len(set(people(["José Núñez", "Jose Nunez", "José Núñez Jr", "J. Núñez", "Ｊ", "Josephine Núñez"]))) == 6


@pytest.mark.parametrize(
    "nobody",
    ["", " ", "Unknown", "anonymous", " N/A ", "？", "<NA>", "\u200b", "(unknown)", "Anon.", "--", "—", "???", "n.a."],
)
def test_recordings_of_nobody_known_have_nobody_in_common(nobody):
    assert len(set(people([nobody] * 3))) == 3


def test_one_upload_of_nobody_known_under_two_labels_is_one_persons():
    numbers = people(["", "unknown", ""], ["a/XC1.ogg", "b/XC1.wav", "a/XC2.ogg"])
    assert numbers[0] == numbers[1] != numbers[2]
