"""The BirdCLEF competitions, year by year: sizes, limits, metrics."""

from dataclasses import dataclass

from birdlib.errors import BirdlibError

WINDOW_SECONDS = 5  # of every year's rows


@dataclass(frozen=True)
class Edition:
    """One year's competition. None stands for a figure that is not known."""

    year: int
    classes: int  # scored classes
    soundscapes: int  # hidden recordings, approximately
    soundscape_seconds: int
    time_limit_minutes: int | None
    metric: str
    row_id: str  # how a row of the submission is named
    window_seconds: int = WINDOW_SECONDS
    sample_rate: int = 32_000  # Hz

    @property
    def slug(self) -> str:
        """The competition's name in addresses and mounts."""
        return f"birdclef-{self.year}"

    @property
    def hidden_windows(self) -> int:
        """Windows of the hidden test set."""
        return self.soundscapes * (self.soundscape_seconds // self.window_seconds)

    @property
    def seconds_per_window(self) -> float | None:
        """Time for one window, for everything, if the kernel is to end within the limit."""
        if self.time_limit_minutes is None:
            return None
        return self.time_limit_minutes * 60 / self.hidden_windows

    def limit_minutes(self, minutes: float) -> float:
        """The time limit that counts: so many minutes, or the edition's own where that is 0.

        Raises:
            BirdlibError: the edition's is asked for and not known.
        """
        if minutes or self.time_limit_minutes:
            return float(minutes or self.time_limit_minutes)
        raise BirdlibError(f"the time limit of BirdCLEF {self.year} is not known; set time_limit_minutes")


PADDED_CMAP = "padded cmAP"
MACRO_ROC_AUC = "macro ROC-AUC"

_STEM_AND_END = "<soundscape>_<end>"
# year, classes, soundscapes, seconds of each, minutes, metric, row id
_EDITIONS = (
    Edition(2021, 397, 80, 600, 180, "row-wise micro F1", "<audio_id>_<site>_<end>"),
    Edition(2022, 21, 5500, 60, None, "weighted accuracy", "<soundscape>_<class>_<end>"),
    Edition(2023, 264, 200, 600, 120, PADDED_CMAP, _STEM_AND_END),
    Edition(2024, 182, 1100, 240, 120, MACRO_ROC_AUC, _STEM_AND_END),
    Edition(2025, 206, 700, 60, 90, MACRO_ROC_AUC, _STEM_AND_END),
    Edition(2026, 234, 600, 60, 90, MACRO_ROC_AUC, _STEM_AND_END),
)


def edition(year: int) -> Edition:
    """The competition of a year; BirdlibError if there is none."""
    for one in _EDITIONS:
        if one.year == year:
            return one
    known = ", ".join(str(one.year) for one in _EDITIONS)
    raise BirdlibError(f"no BirdCLEF edition {year!r} is known; use one of {known}")


def check_window_seconds(seconds: float, of: str = "") -> None:
    """Refuse a model whose window is shorter than a row; a longer one hears what is around the row, too.

    Args:
        of: the model's name, where it is not the recipe that is checked.

    Raises:
        BirdlibError: a row of the submission would be heard in part only.
    """
    if seconds < WINDOW_SECONDS:
        what, remedy = ("window_seconds", "set it to") if not of else (f"{of}: window_seconds", "export a model of")
        raise BirdlibError(
            f"{what} = {seconds:g}: a row of the submission is {WINDOW_SECONDS} s of audio, of which a shorter window "
            f"would miss a part; {remedy} {WINDOW_SECONDS} or more"
        )
