"""Finding a competition's files, whichever year's names they have."""

from pathlib import Path

import pytest

from birdlib.competition.editions import COLUMNS, EDITIONS, edition
from birdlib.competition.layout import CompetitionFiles, likely_edition, names_on_disk
from birdlib.errors import BirdlibError

# Folders that hold all that the first one's year had, and more, while rows and scores are the same.
LARGER = {("birdclef-2025", "birdclef-2026"), ("demo", "birdclef-2024")}
BIRDMINI = Path(__file__).resolve().parents[4] / "shared" / "audio" / "birdmini"


def put(root: Path, *names: str, content: str = "x") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def names(paths) -> list[str]:
    return [path.name for path in paths]


def test_test_recordings_are_sorted_whatever_the_case_of_their_suffix(tmp_path: Path):
    put(
        tmp_path,
        *(f"test_soundscapes/{n}" for n in ("b.OGG", "a.ogg", "c.Flac", "d.wav", "e.MP3", "readme.txt", "._a.ogg")),
    )
    assert names(CompetitionFiles(tmp_path, edition("demo")).test_soundscapes) == [
        "a.ogg",
        "b.OGG",
        "c.Flac",
        "d.wav",
        "e.MP3",
    ]


def test_what_only_looks_like_a_recording_is_listed_and_not_rehearsed_on(tmp_path: Path):
    put(tmp_path, "train_soundscapes/b.ogg", "train_audio/a/XC1.ogg")
    (tmp_path / "train_soundscapes" / "a.ogg").mkdir()
    (tmp_path / "train_soundscapes" / "c.ogg").symlink_to("nowhere.ogg")
    (tmp_path / "train_soundscapes" / "d.ogg").write_bytes(b"")
    files = CompetitionFiles(tmp_path, edition("demo"))
    assert names(files.other_soundscapes) == ["a.ogg", "b.ogg", "c.ogg", "d.ogg"]
    assert names(files.dry_run_audio(9)) == ["b.ogg", "XC1.ogg"]


def test_names_are_those_of_the_disk_in_whichever_unicode_form_that_has_them(tmp_path: Path):
    composed, decomposed = "caf\u00e9/XC\u00e9.ogg", "caf\u00e9/XCe\u0301.ogg"
    put(tmp_path, decomposed, "plain/XC1.ogg")
    wanted = [composed, "plain/XC1.ogg", "caf\u00e9/gone\u00e9.ogg", "/absolute\u00e9.ogg"]
    assert names_on_disk(tmp_path, wanted) == [decomposed, *wanted[1:]]


@pytest.mark.parametrize("made", [True, False], ids=["empty", "absent"])
def test_a_commit_run_has_no_test_recordings(tmp_path: Path, made: bool):
    if made:
        (tmp_path / "test_soundscapes").mkdir()
    assert CompetitionFiles(tmp_path, edition("demo")).test_soundscapes == ()


@pytest.mark.parametrize(
    ("slug", "metadata", "audio"),
    [
        ("birdclef-2023", "train_metadata.csv", "train_audio"),
        ("birdclef-2025", "train.csv", "train_audio"),
        ("birdclef-2021", "train_metadata.csv", "train_short_audio"),
    ],
)
def test_each_years_training_data_is_found(tmp_path: Path, slug: str, metadata: str, audio: str):
    put(tmp_path, metadata, f"{audio}/amecro/XC1.ogg", "sample_submission.csv")
    files = CompetitionFiles(tmp_path, edition(slug))
    assert files.metadata == tmp_path / metadata
    assert files.train_audio == tmp_path / audio
    assert files.sample_submission == tmp_path / "sample_submission.csv"


@pytest.mark.parametrize("folder", ["train_soundscapes", "unlabeled_soundscapes"])
def test_unlabelled_soundscapes_are_rehearsed_on_first(tmp_path: Path, folder: str):
    put(tmp_path, f"{folder}/2.ogg", f"{folder}/1.ogg", f"{folder}/3.ogg", "train_audio/a/XC1.ogg")
    files = CompetitionFiles(tmp_path, edition("demo"))
    assert names(files.other_soundscapes) == ["1.ogg", "2.ogg", "3.ogg"]
    assert names(files.dry_run_audio(2)) == ["1.ogg", "2.ogg"]
    assert names(files.dry_run_audio(9)) == ["1.ogg", "2.ogg", "3.ogg", "XC1.ogg"]


def test_training_audio_is_rehearsed_on_spread_over_the_classes(tmp_path: Path):
    put(tmp_path, *(f"train_audio/class{c}/XC{c}{n}.ogg" for c in range(6) for n in range(3)))
    files = CompetitionFiles(tmp_path, edition("demo"))
    few = {path.parent.name for path in files.dry_run_audio(3)}
    assert len(few) == 3
    eight = files.dry_run_audio(8)
    assert {path.parent.name for path in eight} == {f"class{c}" for c in range(6)}
    assert len(set(eight)) == 8
    assert len(files.dry_run_audio(100)) == 18
    assert files.dry_run_audio(8) == CompetitionFiles(tmp_path, edition("demo")).dry_run_audio(8)


def test_empty_recordings_are_not_rehearsed_on(tmp_path: Path):
    put(tmp_path, "train_audio/a/XC1.ogg", "train_audio/b/XC1.ogg", content="")
    put(tmp_path, "train_audio/a/XC2.ogg", "train_audio/flat.ogg")
    assert names(CompetitionFiles(tmp_path, edition("demo")).dry_run_audio(5)) == ["XC2.ogg", "flat.ogg"]


def test_a_missing_part_is_an_error_only_when_asked_for(tmp_path: Path):
    put(tmp_path, "readme.txt")
    files = CompetitionFiles(tmp_path, edition("demo"))
    with pytest.raises(BirdlibError, match="sample_submission.csv is missing; the folder holds readme.txt"):
        _ = files.sample_submission
    with pytest.raises(BirdlibError, match="train_metadata.csv is missing"):
        _ = files.metadata
    with pytest.raises(BirdlibError, match="train_audio is missing"):
        _ = files.train_audio
    with pytest.raises(BirdlibError, match="no recording for a dry run"):
        files.dry_run_audio(2)


def make_folder(root: Path, slug: str) -> Path:
    put(root, *(name for name in edition(slug).marks if "." in name))
    put(root, "sample_submission.csv", content=f"row_id,{COLUMNS.get(edition(slug).form, 'a,b')}\n")
    for name in edition(slug).marks:
        if "." not in name:
            (root / name).mkdir()
    return root


@pytest.mark.parametrize("own", [entry.slug for entry in EDITIONS])
@pytest.mark.parametrize("of", [entry.slug for entry in EDITIONS if entry.slug != "demo"])
def test_a_folder_of_another_year_is_refused_with_the_year_that_it_looks_like(tmp_path: Path, own: str, of: str):
    make_folder(tmp_path, of)
    years = {own, of}
    if own == of or years <= {"birdclef-2023", "demo"} or (own, of) in LARGER:
        assert CompetitionFiles(tmp_path, edition(own)).edition.slug == own
    else:
        with pytest.raises(BirdlibError) as caught:
            CompetitionFiles(tmp_path, edition(own))
        assert f"is not of {own}: " in str(caught.value) and "\n" not in str(caught.value)
        assert str(caught.value).endswith(f"; it looks like {of}: --set competition={of}")
        assert likely_edition(tmp_path).slug == of


def test_a_folder_that_lacks_its_years_list_is_still_of_that_year(tmp_path: Path):
    (make_folder(tmp_path, "birdclef-2022") / "scored_birds.json").unlink()
    assert CompetitionFiles(tmp_path, edition("birdclef-2022")).edition.slug == "birdclef-2022"
    with pytest.raises(BirdlibError, match="sample_submission.csv has other columns; it looks like birdclef-2022"):
        CompetitionFiles(tmp_path, edition("birdclef-2023"))


def test_a_folder_of_no_year_is_taken_as_it_is(tmp_path: Path):
    put(tmp_path, "train_metadata.csv")
    assert CompetitionFiles(tmp_path, edition("birdclef-2026")).edition.slug == "birdclef-2026"


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path):
    with pytest.raises(BirdlibError, match="absent: no such folder"):
        CompetitionFiles(tmp_path / "absent", edition("demo"))


@pytest.mark.skipif(not BIRDMINI.is_dir(), reason="the shared recordings of real birds are not here")
def test_the_real_mini_competition_is_found_whole():
    files = CompetitionFiles(BIRDMINI, edition("birdclef-2023"))
    assert names(files.test_soundscapes) == [f"soundscape_{n}.ogg" for n in (21031, 21068, 21105, 21142)]
    assert files.metadata.name == "train_metadata.csv"
    rehearsal = files.dry_run_audio(41)
    assert len({path.parent for path in rehearsal}) == 41


def test_a_folder_is_of_its_likely_year_unless_one_is_named(tmp_path):
    (tmp_path / "train_audio").mkdir()
    (tmp_path / "train.csv").write_text("filename,primary_label\n")
    assert CompetitionFiles(tmp_path).metadata == tmp_path / "train.csv"
