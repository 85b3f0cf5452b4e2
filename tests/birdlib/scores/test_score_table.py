"""Score tables and the layout of their rows."""

import numpy as np
import pytest
from scipy.special import expit

from birdlib.errors import BirdlibError
from birdlib.scores.row_layout import RowLayout
from birdlib.scores.score_table import ScoreTable
from birdlib.scores.taxonomy import read_taxa


def table(rows=5, classes=("a", "b", "c"), seed=0):
    logits = np.random.default_rng(seed).normal(0, 5, (rows, len(classes))).astype(np.float32)
    logits[1] = np.nan
    return ScoreTable("model-é", tuple(f"s_{5 * row + 5}" for row in range(rows)), tuple(classes), logits)


def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path):
    saved = table()
    saved.save(tmp_path / "scores" / "m.npz")
    loaded = ScoreTable.load(tmp_path / "scores" / "m.npz")
    assert (loaded.name, loaded.row_ids, loaded.classes) == (saved.name, saved.row_ids, saved.classes)
    np.testing.assert_array_equal(loaded.logits, saved.logits)
    assert loaded.logits.dtype == np.float32
    assert [path.name for path in (tmp_path / "scores").iterdir()] == ["m.npz"]


def test_a_table_that_cannot_be_written_leaves_the_one_before_whole(tmp_path, monkeypatch):
    first = table()
    first.save(tmp_path / "m.npz")

    def full(file, **arrays):
        file.write(b"half a table")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        table(seed=1).save(tmp_path / "m.npz")
    np.testing.assert_array_equal(ScoreTable.load(tmp_path / "m.npz").logits, first.logits)
    assert [path.name for path in tmp_path.iterdir()] == ["m.npz"]


@pytest.mark.parametrize("content", [None, b"", b"row_id,a\n", "half"], ids=str)
def test_a_file_that_is_no_score_table_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "m.npz"
    if content == "half":
        table(rows=500).save(path)
        content = path.read_bytes()[: path.stat().st_size // 2]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BirdlibError, match="m.npz: not readable as a score table") as caught:
        ScoreTable.load(path)
    assert "\n" not in str(caught.value)


def test_probabilities_are_the_sigmoid_and_classes_are_found_by_name():
    scores = table()
    np.testing.assert_allclose(scores.probabilities(), expit(scores.logits.astype(np.float64)), rtol=1e-6)
    asked = scores.probabilities(["c", "x", "a", "c"])
    np.testing.assert_array_equal(asked[:, [0, 2, 3]], scores.probabilities()[:, [2, 0, 2]])
    assert np.isnan(asked[:, 1]).all() and asked.dtype == np.float32
    assert scores.scored.tolist() == [True, False, True, True, True]


def test_logits_of_another_shape_or_type_are_refused():
    with pytest.raises(BirdlibError, match=r"expected float32 \(2, 1\)"):
        ScoreTable("m", ("s_5", "s_10"), ("a",), np.zeros((1, 2), np.float32))
    with pytest.raises(BirdlibError, match="logits float64"):
        ScoreTable("m", ("s_5",), ("a",), np.zeros((1, 1)))
    with pytest.raises(BirdlibError, match="a class stands twice"):
        ScoreTable("m", ("s_5",), ("a", "a"), np.zeros((1, 2), np.float32))


def test_rows_are_put_in_order_of_time_within_their_files_whatever_their_order():
    row_ids = ["b_10", "a_100", "b_5", "nonsense", "a_20", " a_5.0 ", "b_2_15", "-", "a_20"]
    layout = RowLayout.of(row_ids)
    files = {tuple(row_ids[row] for row in rows) for rows in layout.files}
    assert files == {(" a_5.0 ", "a_20", "a_20", "a_100"), ("b_5", "b_10"), ("b_2_15",), ("nonsense",), ("-",)}
    first, window = layout.distinct()
    assert sorted(first.tolist()) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert all(row_ids[first[window[row]]] == row_id for row, row_id in enumerate(row_ids))


def test_a_layout_of_no_row_has_no_file():
    assert RowLayout.of([]).files == []


def test_taxa_come_from_the_taxonomy_by_label(tmp_path):
    assert read_taxa(tmp_path, ["a"]) is None
    (tmp_path / "taxonomy.csv").write_text("primary_label,class_name\n1139490,Insecta\na,Aves\n")
    assert read_taxa(tmp_path, ["a", "1139490", "b", " a "]) == ("Aves", "Insecta", "", "Aves")
    (tmp_path / "taxonomy.csv").write_text("label,class_name\na,Aves\n")
    with pytest.raises(BirdlibError, match="taxonomy.csv: no column primary_label"):
        read_taxa(tmp_path, ["a"])
    (tmp_path / "taxonomy.csv").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(BirdlibError, match="taxonomy.csv: not readable as a table"):
        read_taxa(tmp_path, ["a"])
