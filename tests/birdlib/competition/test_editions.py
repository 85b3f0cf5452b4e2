"""The facts of each year's competition."""

import pytest

from birdlib.competition.editions import check_window_seconds, edition
from birdlib.errors import BirdlibError


@pytest.mark.parametrize(
    ("year", "classes", "windows", "budget"),
    [
        (2023, 264, 24_000, 0.30),
        (2024, 182, 52_800, 0.136),
        (2025, 206, 8_400, 0.64),
        (2026, 234, 7_200, 0.75),
    ],
)
def test_classes_windows_and_the_time_for_one_window(year: int, classes: int, windows: int, budget: float):
    entry = edition(f"birdclef-{year}")
    assert (entry.classes, entry.hidden_windows) == (classes, windows)
    assert entry.seconds_per_window == pytest.approx(budget, abs=0.005)


def test_the_limit_is_the_editions_unless_it_is_set():
    assert [edition(f"birdclef-{year}").limit_minutes(0.0) for year in (2023, 2025)] == [120, 90]
    assert edition("birdclef-2025").limit_minutes(30) == 30


def test_a_window_that_is_shorter_than_a_row_is_refused():
    check_window_seconds(5.0)
    check_window_seconds(10)
    with pytest.raises(
        BirdlibError, match=r"^window_seconds = 4: a row of the submission is 5 s .* set it to 5 or more$"
    ):
        check_window_seconds(4)
    with pytest.raises(BirdlibError, match="^m1: window_seconds = 2.5: .* export a model of 5 or more$"):
        check_window_seconds(2.5, "m1")


@pytest.mark.parametrize("slug", ["birdclef-2020", "2023", ""])
def test_an_unknown_competition_is_refused_with_the_known_ones(slug):
    with pytest.raises(BirdlibError, match="use one of birdclef-2021, .*, birdclef-2026, demo$"):
        edition(slug)
