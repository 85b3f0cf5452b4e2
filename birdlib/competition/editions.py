"""The BirdCLEF competitions: all facts of a year, one entry each."""

from dataclasses import dataclass

from birdlib.errors import BirdlibError

WINDOW_SECONDS = 5  # of every year's rows

ROWWISE_F1 = "row-wise micro F1"
WEIGHTED_ACCURACY = "weighted accuracy"
PADDED_CMAP = "padded cmAP"
MACRO_ROC_AUC = "macro ROC-AUC"

# What a row of the submission holds.
WINDOWS = "windows"  # a window, with a probability for each class
BIRDS = "birds"  # a window, with the labels of its birds, or nocall
TARGETS = "targets"  # a class in a window, with True or False
COLUMNS = {BIRDS: "birds", TARGETS: "target"}  # beside row_id


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One competition. Files and folders are named as they lie in its folder; "" where it has none.

    Attributes:
        classes: scored ones.
        soundscapes, soundscape_seconds: hidden recordings and the length of each, approximately.
        metric: one of ``birdlib.metrics``, by its name.
        form: of the submission's rows: WINDOWS, BIRDS or TARGETS.
        request: tables that ask for rows, the one that is read first at the front.
        metadata: the table of training recordings.
        train_audio: their folder.
        soundscapes_folder: of training soundscapes, labelled or not.
        labels: the table of what can be heard in them.
        scored: a list of the scored classes, where the request does not tell them.
    """

    slug: str
    title: str
    classes: int
    soundscapes: int
    soundscape_seconds: int
    time_limit_minutes: int
    metric: str
    form: str = WINDOWS
    request: tuple[str, ...] = ("sample_submission.csv",)
    metadata: str = "train_metadata.csv"
    train_audio: str = "train_audio"
    soundscapes_folder: str = ""
    labels: str = ""
    scored: str = ""
    window_seconds: int = WINDOW_SECONDS
    sample_rate: int = 32_000  # Hz

    @property
    def marks(self) -> tuple[str, ...]:
        """What its folder holds, and those of some other years do not."""
        names = (self.metadata, self.train_audio, self.soundscapes_folder, self.labels, self.scored)
        return tuple(name for name in names if name)

    @property
    def hidden_windows(self) -> int:
        """Windows of the hidden test set."""
        return self.soundscapes * (self.soundscape_seconds // self.window_seconds)

    @property
    def seconds_per_window(self) -> float:
        """Time for one window, for everything, if the kernel is to end within the limit."""
        return self.time_limit_minutes * 60 / self.hidden_windows

    def limit_minutes(self, minutes: float) -> float:
        """The time limit that counts: so many minutes, or the edition's own where that is 0."""
        return float(minutes or self.time_limit_minutes)


EDITIONS = (
    Edition(
        slug="birdclef-2021",
        title="BirdCLEF 2021",
        classes=397,
        soundscapes=80,
        soundscape_seconds=600,
        time_limit_minutes=180,
        metric=ROWWISE_F1,
        form=BIRDS,
        request=("test.csv", "sample_submission.csv"),
        train_audio="train_short_audio",
        soundscapes_folder="train_soundscapes",
        labels="train_soundscape_labels.csv",
    ),
    Edition(
        slug="birdclef-2022",
        title="BirdCLEF 2022",
        classes=21,
        soundscapes=5500,
        soundscape_seconds=60,
        # No copy of that year's rules is at hand: nine hours are what Kaggle gave code competitions then.
        time_limit_minutes=540,
        metric=WEIGHTED_ACCURACY,
        form=TARGETS,
        request=("test.csv", "sample_submission.csv"),
        scored="scored_birds.json",
    ),
    Edition(
        slug="birdclef-2023",
        title="BirdCLEF 2023",
        classes=264,
        soundscapes=200,
        soundscape_seconds=600,
        time_limit_minutes=120,
        metric=PADDED_CMAP,
    ),
    Edition(
        slug="birdclef-2024",
        title="BirdCLEF 2024",
        classes=182,
        soundscapes=1100,
        soundscape_seconds=240,
        time_limit_minutes=120,
        metric=MACRO_ROC_AUC,
        soundscapes_folder="unlabeled_soundscapes",
    ),
    Edition(
        slug="birdclef-2025",
        title="BirdCLEF 2025",
        classes=206,
        soundscapes=700,
        soundscape_seconds=60,
        time_limit_minutes=90,
        metric=MACRO_ROC_AUC,
        metadata="train.csv",
        soundscapes_folder="train_soundscapes",
    ),
    Edition(
        slug="birdclef-2026",
        title="BirdCLEF 2026",
        classes=234,
        soundscapes=600,
        soundscape_seconds=60,
        time_limit_minutes=90,
        metric=MACRO_ROC_AUC,
        metadata="train.csv",
        soundscapes_folder="train_soundscapes",
        labels="train_soundscapes_labels.csv",
    ),
    Edition(  # see birdlib.demo
        slug="demo",
        title="BirdCLEF demo",
        classes=12,
        soundscapes=4,
        soundscape_seconds=60,
        time_limit_minutes=60,
        metric=MACRO_ROC_AUC,
    ),
)


def edition(slug: str) -> Edition:
    """The competition of this slug; BirdlibError if none is known."""
    known = {entry.slug: entry for entry in EDITIONS}
    if slug not in known:
        raise BirdlibError(f"no competition {slug!r} is known; use one of {', '.join(known)}")
    return known[slug]


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
