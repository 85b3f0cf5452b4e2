"""Another year's recordings: how classes join, and what would leak."""

from dataclasses import replace

import pytest

from birdlib.clip_sources.clip_context import ClipContext
from birdlib.clip_sources.other_year import OtherYear
from birdlib.competition.editions import edition
from birdlib.competition.layout import CompetitionFiles
from birdlib.data.prepared import Prepared
from birdlib.errors import BirdlibError

from .years import OURS, THEIRS, make_year


@pytest.fixture(scope="module")
def ours(tmp_path_factory, prepare):
    """This year's data: six people, each of whom recorded each class once; prepared in two folds."""
    root, output = (tmp_path_factory.mktemp(name) for name in ("this-year", "prepared"))
    people = range(6)
    recordings = [(label, f"XC1{n}{p}", f"Person {p}", 10 * n + p) for n, label in enumerate(OURS) for p in people]
    make_year(root, OURS, recordings)
    prepare(CompetitionFiles(root, edition("birdclef-2023")), output, n_folds=2, workers=1)
    return root, output


@pytest.fixture
def context(ours, tmp_path):
    """Makes a context with another year's recordings: context([(label, stem, author, seed), …])."""
    root, output = ours
    prepared = Prepared.read(output, CompetitionFiles(root, edition("birdclef-2023")))

    def make(recordings, names=THEIRS):
        other = make_year(tmp_path / "birdclef-2022", names, recordings, form="targets")
        return ClipContext(prepared, None, {"birdclef-2022": other}, root)

    return make


def learnt(context, fold="full", **parameters):
    """The stems and labels of what is learnt from."""
    table = OtherYear("birdclef-2022", **parameters).table(context, fold)
    labels = [[name for name, target in zip(table.classes, row, strict=True) if target] for row in table.targets]
    return {path.stem: names for path, names in zip(table.rows["path"], labels, strict=True)}


def widened(context, classes):
    return replace(context, prepared=replace(context.prepared, classes=classes))


OTHERS = [
    ("amecro", "XC201", "Somebody", 100, "grefin", "eurmag"),
    ("corcor", "XC202", "Somebody", 101, "corcor"),
    ("grefin", "XC203", "Somebody", 102),
    ("eurmag", "XC204", "Somebody", 103, "amecro"),
]


def test_classes_join_by_label_scientific_name_and_synonym(context, capsys):
    around = context(OTHERS)
    assert learnt(around) == {"XC201": ["amecro", "eurgre1"], "XC202": ["comrav"], "XC203": ["eurgre1"]}
    assert "birdclef-2022: 3 of 4 recordings to learn from; left out: 1 of no class here" in capsys.readouterr().out
    assert OtherYear("birdclef-2022").classes(around) == tuple(OURS)
    printed = capsys.readouterr().out
    ways = ("label", "scientific name", "synonym", "no class here")
    assert [line.split()[-2:] for line in printed.splitlines() if line.startswith(ways)] == [["1", "1"]] * 4
    assert "under another label: corcor = comrav, grefin = eurgre1" in printed


def test_all_classes_of_the_other_year_may_be_learnt(context):
    around = context(OTHERS)
    source = OtherYear("birdclef-2022", all_classes=True)
    assert source.classes(around) == (*OURS, "eurmag")
    around = widened(around, source.classes(around))
    assert learnt(around)["XC204"] == ["amecro", "eurmag"] and learnt(around)["XC201"] == [
        "amecro",
        "eurgre1",
        "eurmag",
    ]
    # This year's recordings keep their labels.
    targets, _ = around.prepared.targets(range(len(around.prepared.recordings)))
    assert targets.sum() == len(targets) and not targets[:, 3].any()


def test_a_class_whose_name_several_classes_here_have_is_left_out(context, tmp_path):
    twins = {"magpie1": "Pica pica", "magpie2": "Pica pica"}
    third = make_year(tmp_path / "birdclef-2021", twins, [(label, label, "", 1) for label in twins])
    around = context(OTHERS)
    around = widened(replace(around, folders=around.folders | {"birdclef-2021": third}), (*OURS, *twins))
    assert set(learnt(around)) == {"XC201", "XC202", "XC203"}
    # One that has that name by itself is found, though another year brought it.
    around = widened(around, (*OURS, "magpie2"))
    assert learnt(around)["XC204"] == ["amecro", "magpie2"]


def test_what_this_year_has_too_is_left_out_whatever_the_fold(context, ours, capsys):
    root, _ = ours
    around = context(
        [
            ("corcor", "XC110", "Somebody", 200),  # the number of one of comrav's
            ("corcor", "XC301", "Somebody", 10),  # its audio, uploaded twice
            ("amecro", "XC302", "Somebody", 15),  # as long as one of its class, but another song
        ]
    )
    for fold in ("full", 0, 1):
        assert set(learnt(around, fold)) == {"XC302"}
        assert "1 of 3 recordings to learn from; left out: 2 that are this year's, too\n" in capsys.readouterr().out


def test_a_fold_does_not_learn_from_the_people_whom_it_holds_back(context):
    around = context([("amecro", f"XC30{p}", f"PERSON {p}", 300 + p) for p in range(6)])
    recordings = around.prepared.recordings
    for fold in (0, 1):
        held_back = set(recordings["author"][recordings["fold"] == fold].str[-1])
        assert len(held_back) == 3
        assert {stem[-1] for stem in learnt(around, fold)} == set("012345") - held_back
    assert len(learnt(around, "full")) == 6


def test_recordings_that_cannot_be_read_are_counted(context, capsys):
    around = context(OTHERS)
    (around.folders["birdclef-2022"] / "train_audio/amecro/XC201.wav").write_bytes(b"no audio")
    (around.folders["birdclef-2022"] / "train_audio/corcor/XC202.wav").unlink()
    assert set(learnt(around)) == {"XC203"} and "2 that cannot be read" in capsys.readouterr().out


def test_clips_have_their_year_for_a_source_and_its_weight(context):
    table = OtherYear("birdclef-2022", weight=0.5).table(context(OTHERS), "full")
    assert set(table.rows["source"]) == {"birdclef-2022"} and set(table.rows["weight"]) == {0.5}


def test_nothing_may_be_left_to_learn_from(context):
    assert learnt(context(OTHERS[3:])) == {}


def test_another_years_folder_under_a_wrong_name_is_one_line(context, ours):
    root, _ = ours
    around = context(OTHERS)
    for name, folder, message in (
        ("birdclef-2022", root, "is not of birdclef-2022: .* it looks like birdclef-2023"),
        ("my-birds", root, "no competition 'my-birds' is known; use one of birdclef-2021"),
    ):
        with pytest.raises(BirdlibError, match=message):
            OtherYear(name).table(ClipContext(around.prepared, None, {name: folder}, root), "full")
    with pytest.raises(BirdlibError, match="'birdclef-2024' is not attached"):
        OtherYear("birdclef-2024").classes(around)
