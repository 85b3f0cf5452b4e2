"""Windows that a model from outside has scored, as clips."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from birdlib.components import component
from birdlib.data.clip_table import RECORDINGS, ClipTable
from birdlib.data.prepared import FULL, Prepared
from birdlib.errors import BirdlibError
from birdlib.outside.scores import EmbeddingTable, embedding_path, score_path
from birdlib.scores.score_table import ScoreTable

from .conftest import CLASSES, RATE, record

KNOWN = ("wren", "crow")  # of the model, which knows no owl


def outside_scores(**parameters):
    return component("clip_sources", {"name": "outside_scores", "folder": "extra-birds", **parameters})


def write_scores(folder, group, row_ids):
    """Logits 0, 1, 2 … of wrens and 1 less of crows; embeddings [number, 1]."""
    logits = np.arange(len(row_ids), dtype=np.float32)[:, None] + np.array([[0, -1]], np.float32)
    embedding = np.stack([np.arange(len(row_ids)), np.ones(len(row_ids))], axis=1).astype(np.float16)
    ScoreTable("model", tuple(row_ids), KNOWN, logits).save(score_path(folder, group))
    EmbeddingTable(tuple(row_ids), embedding).save(embedding_path(folder, group))


@pytest.fixture
def recorded(context, tmp_path):
    """Two recordings, of folds 0 and 1, with three rows and two."""
    seconds = [13.0, 8.0]
    recordings = pd.DataFrame(
        {
            "filename": ["owl/a.ogg", "wren/b.ogg"],
            "primary_label": ["owl", "wren"],
            "secondary_labels": ["crow", ""],
            "author": ["A", "B"],
            "seconds": seconds,
            "sample_rate": RATE,
            "channels": 1,
            "fold": [0, 1],
            "copy": "",
        }
    )
    for number, filename in enumerate(recordings["filename"]):
        record(tmp_path / "train_audio" / filename, seconds[number], number)
    prepared = Prepared(tmp_path, tmp_path / "train_audio", CLASSES, recordings, 2, 0, "version", "target", None)
    rows = ["owl/a_5", "wren/b_5", "owl/a_10", "owl/gone_5", "wren/b_10", "owl/a_15"]
    write_scores(tmp_path / "extra", "focal", rows)
    return replace(context, prepared=prepared)


def test_rows_of_focal_recordings_have_their_labels_and_what_the_model_says_of_them(recorded):
    table = outside_scores().table(recorded, FULL)
    assert isinstance(table, ClipTable) and RECORDINGS not in set(table.rows["source"])
    assert [path.stem for path in table.rows["path"]] == ["a", "b", "a", "b", "a"]
    assert table.rows["first"].tolist() == [0, 0, 5, 5, 10] and set(table.rows["seconds"]) == {5}
    np.testing.assert_array_equal(table.targets[:2], [[1, 1, 0], [0, 0, 1]])
    assert table.known.all()
    numbers = np.array([0, 1, 2, 4, 5])
    np.testing.assert_array_equal(table.extra["embedding"][:, 0], numbers)
    probabilities = table.extra["probabilities"]
    np.testing.assert_allclose(probabilities[:, 2], 1 / (1 + np.exp(-numbers)), atol=1e-3)
    np.testing.assert_allclose(probabilities[:, 0], 1 / (1 + np.exp(1 - numbers)), atol=1e-3)
    assert np.isnan(probabilities[:, 1]).all()


@pytest.mark.parametrize(("fold", "left"), [(0, "b"), (1, "a")])
def test_a_fold_learns_from_no_row_of_a_recording_that_it_holds_back(recorded, fold, left):
    table = outside_scores().table(recorded, fold)
    assert {path.stem for path in table.rows["path"]} == {left}
    np.testing.assert_array_equal(table.extra["embedding"][:, 0], [1, 4] if fold == 0 else [0, 2, 5])


def test_soundscapes_are_learnt_from_without_labels_and_labelled_ones_not_at_all(context, tmp_path, capsys):
    record(tmp_path / "competition/train_soundscapes/quiet_night.ogg", 10)
    write_scores(tmp_path / "extra", "soundscapes", ["XY_S01_a_5", "quiet_night_5", "quiet_night_10", "gone_5"])
    table = outside_scores(group="soundscapes").table(context, 0)
    assert [path.stem for path in table.rows["path"]] == ["quiet_night"] * 2
    assert table.rows["first"].tolist() == [0, 5] and not table.known.any() and not table.targets.any()
    np.testing.assert_array_equal(table.extra["embedding"][:, 0], [1, 2])
    assert "1 scored recording (gone) not in it: left out" in capsys.readouterr().out


def test_extra_recordings_are_named_with_their_folder(context, tmp_path):
    record(tmp_path / "more/deep/x.ogg", 7)
    around = replace(context, folders=context.folders | {"more": tmp_path / "more"}, soundscapes=None)
    write_scores(tmp_path / "extra", "extra", ["more/deep/x_5", "more/deep/x_10"])
    table = outside_scores(group="extra", audio="more").table(around, 0)
    assert [path.name for path in table.rows["path"]] == ["x.ogg"] * 2 and not table.known.any()


def test_what_cannot_be_learnt_from_is_one_line(context, recorded, tmp_path):
    with pytest.raises(BirdlibError, match="outside_scores: group = 'birds'; expected one of 'focal', 'soundscapes'"):
        outside_scores(group="birds")
    with pytest.raises(BirdlibError, match="outside_scores: .*extra holds no scores of extra recordings"):
        outside_scores(group="extra").table(context, 0)
    write_scores(tmp_path / "extra", "focal", ["owl/gone_5"])
    with pytest.raises(BirdlibError, match="fold 0 may learn from no focal row of .*extra"):
        outside_scores().table(recorded, 0)
