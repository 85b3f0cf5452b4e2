"""The demo competition: whole, the same each time, without its truth, and learnable."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from birdlib.competition.editions import edition
from birdlib.competition.forms import check_submission, read_requests
from birdlib.competition.layout import CompetitionFiles
from birdlib.competition.row_plan import plan_rows
from birdlib.competition.table import write_table
from birdlib.demo.competition import DemoCompetition, make_competition
from birdlib.demo.ogg import page_checksum, with_serial
from birdlib.demo.truth import make_truth
from birdlib.errors import BirdlibError
from birdlib.metrics.ranking import MACRO_ROC_AUC
from birdlib.metrics.scoring import score_submission

SMALL = {"seed": 3, "species": 3, "recordings_per_species": 2, "soundscapes": 2, "soundscape_seconds": 20}
COLUMNS_OF_2023 = (
    "primary_label,secondary_labels,type,latitude,longitude,scientific_name,common_name,author,license,"
    "rating,url,filename"
)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> DemoCompetition:
    return make_competition(tmp_path_factory.mktemp("small"), **SMALL)


@pytest.fixture(scope="module")
def default(tmp_path_factory) -> DemoCompetition:
    return make_competition(tmp_path_factory.mktemp("default"))


@pytest.fixture(scope="module")
def default_truth(tmp_path_factory) -> Path:
    return make_truth(tmp_path_factory.mktemp("truth"))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path, small: DemoCompetition):
    again = contents(make_competition(tmp_path / "again", **SMALL).folder)
    other = contents(make_competition(tmp_path / "other", **{**SMALL, "seed": 4}).folder)
    first = contents(small.folder)
    assert again == first
    assert other.keys() == first.keys()
    audio = "test_soundscapes/soundscape_29201.ogg"
    assert other[audio] != first[audio]


def test_it_has_the_shape_of_birdclef_2023(default: DemoCompetition):
    files = CompetitionFiles(default.folder, edition("demo"))
    assert sorted(p.name for p in default.folder.iterdir()) == [
        "eBird_Taxonomy_v2021.csv",
        "sample_submission.csv",
        "test_soundscapes",
        "train_audio",
        "train_metadata.csv",
    ]
    assert files.metadata.read_text().splitlines()[0] == COLUMNS_OF_2023
    metadata = pd.read_csv(files.metadata)
    assert len(metadata) == 12 * 8 + 3
    assert default.recordings == 96
    assert set(metadata["primary_label"]) == set(default.classes)
    assert (metadata["filename"].str.split("/").str[0] == metadata["primary_label"]).all()
    secondary = [ast.literal_eval(text) for text in metadata["secondary_labels"]]
    assert {label for labels in secondary for label in labels} <= set(default.classes)
    assert any(secondary) and not all(secondary)
    taxonomy = pd.read_csv(default.folder / "eBird_Taxonomy_v2021.csv")
    assert set(taxonomy["SPECIES_CODE"]) == set(default.classes)
    assert [p.stem for p in files.test_soundscapes] == list(default.soundscapes)
    assert "soundscape_29201" in default.soundscapes


def test_recordings_are_mono_at_32_khz_and_of_varied_length_and_level(default: DemoCompetition):
    seconds, peaks = [], []
    for path in sorted((default.folder / "train_audio").glob("*/XC1*.ogg")):
        wave, rate = soundfile.read(path, dtype="float32")
        assert rate == 32_000 and wave.ndim == 1
        seconds.append(len(wave) / rate)
        peaks.append(np.abs(wave).max())
    assert len(seconds) == 96
    assert 5 <= min(seconds) < 6 and 12 < max(seconds) <= 20
    assert min(peaks) < 0.4 and 0.7 < max(peaks) < 1.1


def test_the_broken_files_are_in_the_metadata_and_no_decoder_reads_them(default: DemoCompetition):
    assert sorted(default.broken.values()) == ["cut off in its header", "text, not audio", "zero bytes"]
    assert set(default.broken) <= set(pd.read_csv(default.folder / "train_metadata.csv")["filename"])
    for name in default.broken:
        with pytest.raises(soundfile.LibsndfileError):
            soundfile.read(default.folder / "train_audio" / name)


def test_broken_files_can_be_left_out(tmp_path: Path):
    made = make_competition(tmp_path, **SMALL, broken_files=0)
    assert made.broken == {}
    assert len(pd.read_csv(tmp_path / "train_metadata.csv")) == 6


def test_labelled_soundscapes_come_with_their_truth_and_are_none_of_the_test(tmp_path: Path, small: DemoCompetition):
    made = make_competition(tmp_path, **SMALL, labelled_soundscapes=2)
    files = CompetitionFiles(tmp_path, edition("demo"))
    assert [p.stem for p in files.other_soundscapes] == list(made.labelled)
    assert len(made.labelled) == 2 and not set(made.labelled) & set(made.soundscapes)
    truth = pd.read_csv(tmp_path / "train_soundscape_labels.csv")
    assert list(truth.columns) == ["row_id", *made.classes]
    assert truth["row_id"].tolist() == [f"{stem}_{end}" for stem in made.labelled for end in (5, 10, 15, 20)]
    assert set(np.unique(truth.iloc[:, 1:])) == {0, 1} and (truth.iloc[:, 1:].sum() > 0).all()
    waves = [p.read_bytes() for p in (*files.other_soundscapes, *files.test_soundscapes)]
    assert len(set(waves)) == 4
    # All else is as it is without them.
    without = contents(small.folder)
    assert {name: data for name, data in contents(tmp_path).items() if name in without} == without


def test_the_labelled_soundscapes_sound_as_their_labels_say(tmp_path: Path):
    made = make_competition(tmp_path, **SMALL, labelled_soundscapes=1)
    truth = pd.read_csv(tmp_path / "train_soundscape_labels.csv").set_index("row_id")
    wave, rate = soundfile.read(tmp_path / "train_soundscapes" / f"{made.labelled[0]}.ogg")
    loud = [np.abs(part).max() for part in np.split(wave, 4)]
    assert min(np.array(loud)[truth.sum(axis=1) > 0]) > 1.5 * np.std(wave)
    assert rate == 32_000 and len(wave) == 20 * rate


def test_the_sample_submission_asks_for_every_full_window(small: DemoCompetition, default: DemoCompetition):
    for made in (small, default):
        files = CompetitionFiles(made.folder, edition("demo"))
        sample = read_requests(files)[0][0]
        recordings = {p.stem: soundfile.info(p).duration for p in files.test_soundscapes}
        plan = plan_rows(sample, recordings)
        assert plan.row_ids == plan_rows(type(sample)(("none_5",), sample.columns), recordings).row_ids
        assert sample.classes == made.classes == tuple(sorted(made.classes))
        assert plan.notes == ()
        assert check_submission(files.sample_submission, plan) == []
        values = pd.read_csv(files.sample_submission).iloc[:, 1:].to_numpy()
        np.testing.assert_allclose(values, 1 / len(made.classes), rtol=1e-5)


def test_the_truth_is_not_in_the_competition_and_needs_no_audio(tmp_path: Path, small: DemoCompetition):
    labels = make_truth(tmp_path, **SMALL, broken_files=3, labelled_soundscapes=2)
    assert labels == tmp_path / "soundscape_labels.csv"
    assert sorted(contents(tmp_path)) == ["soundscape_events.csv", "soundscape_labels.csv"]
    assert not any("label" in name or "event" in name for name in contents(small.folder))
    assert contents(tmp_path) == contents(make_truth(tmp_path / "again", **SMALL).parent)
    truth, sample = pd.read_csv(labels), pd.read_csv(small.folder / "sample_submission.csv")
    assert list(truth.columns) == list(sample.columns)
    assert truth["row_id"].tolist() == sample["row_id"].tolist()
    assert set(np.unique(truth.iloc[:, 1:])) == {0, 1}


def test_windows_are_positive_exactly_where_half_a_second_of_a_song_falls(default_truth: Path):
    truth = pd.read_csv(default_truth).set_index("row_id")
    events = pd.read_csv(default_truth.with_name("soundscape_events.csv"))
    expected = truth * 0
    for event in events.itertuples():
        for end in range(5, 65, 5):
            if min(event.end, end) - max(event.start, end - 5) >= 0.5:
                expected.loc[f"{event.soundscape}_{end}", event.primary_label] = 1
    pd.testing.assert_frame_equal(truth, expected)
    assert (truth.sum() > 0).all()
    assert (truth.sum(axis=1) > 1).any()


def test_the_events_are_audible_where_the_truth_says(default: DemoCompetition, default_truth: Path):
    events = pd.read_csv(default_truth.with_name("soundscape_events.csv"))
    stem = default.soundscapes[0]
    wave, rate = soundfile.read(default.folder / "test_soundscapes" / f"{stem}.ogg")
    singing = np.zeros(len(wave), dtype=bool)
    for event in events[events["soundscape"] == stem].itertuples():
        singing[round(event.start * rate) : round(event.end * rate)] = True
    assert np.mean(wave[singing] ** 2) > 2 * np.mean(wave[~singing] ** 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"species": 1},
        {"species": 25},
        {"recordings_per_species": 0},
        {"soundscapes": 0},
        {"soundscape_seconds": 9},
        {"broken_files": -1},
        {"labelled_soundscapes": -1},
    ],
)
def test_settings_that_make_no_competition_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict):
    with pytest.raises(BirdlibError, match=str(*wrong.values())):
        make_competition(tmp_path / "demo", **wrong)
    assert not (tmp_path / "demo").exists()


def test_an_unknown_setting_of_the_truth_is_refused(tmp_path: Path):
    with pytest.raises(TypeError, match="recording_per_species"):
        make_truth(tmp_path, recording_per_species=3)


def test_ogg_checksums_are_those_that_the_encoder_wrote(small: DemoCompetition, tmp_path: Path):
    soundfile.write(tmp_path / "x.ogg", np.zeros(64_000), 32_000, format="OGG", subtype="VORBIS")
    ogg = (tmp_path / "x.ogg").read_bytes()
    end = 28 + ogg[27]  # the first page holds one segment
    page = ogg[:22] + bytes(4) + ogg[26:end]
    assert page_checksum(page) == int.from_bytes(ogg[22:26], "little")
    assert with_serial(ogg, int.from_bytes(ogg[14:18], "little")) == ogg


def test_mel_statistics_and_logistic_regression_learn_it_and_chance_does_not(
    tmp_path: Path, default: DemoCompetition, default_truth: Path
):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    windows, labels = [], []
    for row in pd.read_csv(default.folder / "train_metadata.csv").itertuples():
        if row.filename not in default.broken:
            wave, _ = soundfile.read(default.folder / "train_audio" / row.filename, dtype="float32")
            parts = [wave[start : start + 160_000] for start in range(0, len(wave) - 159_999, 160_000)]
            windows += [mel_statistics(part) for part in parts]
            labels += [[c == row.primary_label or c in row.secondary_labels for c in default.classes]] * len(parts)
    scaler = StandardScaler().fit(windows)
    submission = pd.read_csv(default.folder / "sample_submission.csv")
    chance = submission.copy()
    chance[list(default.classes)] = np.random.default_rng(0).random((len(chance), len(default.classes)))
    tests = []
    for stem in default.soundscapes:
        wave, _ = soundfile.read(default.folder / "test_soundscapes" / f"{stem}.ogg", dtype="float32")
        tests += [mel_statistics(part) for part in np.split(wave, 12)]
    for position, label in enumerate(default.classes):
        model = LogisticRegression(C=0.3, max_iter=500)
        model.fit(scaler.transform(windows), np.array(labels)[:, position])
        submission[label] = model.predict_proba(scaler.transform(tests))[:, 1]
    areas = {}
    for name, table in {"learnt": submission, "chance": chance}.items():
        write_table(table, tmp_path / f"{name}.csv")
        report = score_submission(tmp_path / f"{name}.csv", default_truth, MACRO_ROC_AUC, repeats=5)
        areas[name] = report.metrics["macro ROC-AUC"].value
    assert areas["learnt"] >= 0.9
    assert areas["chance"] == pytest.approx(0.5, abs=0.12)


def mel_statistics(wave: np.ndarray) -> np.ndarray:
    """How far each of 48 mel-like bands rises above its own floor, at three quantiles."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 1024)[::512] * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = 700 * (10 ** (np.linspace(np.log10(1 + 150 / 700), np.log10(1 + 14_000 / 700), 50)) - 1)
    bins = np.arange(power.shape[1]) * 32_000 / 1024
    bank = np.stack([np.interp(bins, edges[b : b + 3], [0, 1, 0]) for b in range(48)])
    low, middle, high, top = np.percentile(np.log(power @ bank.T + 1e-9), [10, 50, 90, 97], axis=0)
    return np.concatenate([high - low, top - low, top - middle])
