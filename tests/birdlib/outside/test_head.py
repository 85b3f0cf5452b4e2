"""A head adds to an outside model's logits what its embeddings tell about labelled rows."""

import numpy as np
import pytest
from scipy.special import expit

from birdlib.competition.class_lists import ClassList, join_classes
from birdlib.errors import BirdlibError
from birdlib.outside.head import Head, HeadRows, best_penalty, cross_validate, own_logits, train_head
from birdlib.outside.outside_model import Outputs

CLASSES = ("a", "b", "c")


def rows_of(seed, count=120, known=True):
    """Rows of three classes that stand apart in the embedding; the outside model knows the first two, vaguely."""
    random = np.random.default_rng(seed)
    label = np.arange(count) % 3
    embedding = (2 * np.eye(8)[label] + random.normal(0, 0.5, (count, 8))).astype(np.float16)
    own = np.where(np.eye(3)[label] > 0, 0.5, -0.5) + random.normal(0, 1, (count, 3))
    own[:, 2] = 0
    recordings = np.array([f"{CLASSES[place]}/XC{row // 6}" for row, place in enumerate(label)])
    fold = np.arange(count) // 6 % 4
    targets = np.eye(3, dtype=np.float32)[label]
    return HeadRows(
        CLASSES, recordings, fold, own.astype(np.float32), embedding, targets, np.full(targets.shape, known)
    )


def right(head, rows):
    return (head(rows.own, rows.embedding).argmax(axis=1) == rows.targets.argmax(axis=1)).mean()


def test_a_head_learns_what_the_model_does_not_know():
    head = train_head(rows_of(1), 0.1)
    assert (rows_of(2).own.argmax(axis=1) == rows_of(2).targets.argmax(axis=1)).mean() < 0.7
    assert right(head, rows_of(2)) > 0.95


def test_a_large_penalty_leaves_the_model_as_it_is_but_for_the_bias():
    rows = rows_of(1)
    change = train_head(rows, 1e4)(rows.own, rows.embedding) - rows.own
    assert np.ptp(change, axis=0).max() < 0.01 and abs(change).max() > 0.1


def test_what_is_not_known_stays_out_of_the_loss():
    rows = rows_of(1)
    hidden = rows_of(1)
    hidden.known[::2, 1] = False
    hidden.targets[::2, 1] = 1  # which would be wrong
    assert right(train_head(hidden, 0.1), rows) > 0.9
    nothing = train_head(rows_of(1, known=False), 0.1)
    assert not nothing.weight.any() and not nothing.bias.any()


def test_the_penalty_is_chosen_on_recordings_that_a_head_has_not_learnt_from():
    rows = rows_of(1)
    table = cross_validate(rows, [0.1, 1e4])
    assert table.index.tolist() == ["as it is", "0.1", "10000"]
    assert table.loc["0.1", "macro ROC-AUC"] > table.loc["as it is", "macro ROC-AUC"]
    assert best_penalty(table, [0.1, 1e4]) == 0.1
    # With random labels nothing can be learnt but that.
    random = np.random.default_rng(0).permutation(len(rows))
    shuffled = HeadRows(CLASSES, rows.recordings, rows.fold, rows.own, rows.embedding, rows.targets[random], rows.known)
    assert best_penalty(cross_validate(shuffled, [0.001, 1e4]), [0.001, 1e4]) == 1e4


def test_without_folds_the_middle_penalty_is_taken():
    rows = rows_of(1)
    rows.fold[:] = -1
    table = cross_validate(rows, [1.0, 0.1, 10.0])
    assert table.empty and best_penalty(table, [1.0, 0.1, 10.0]) == 1.0


def test_a_head_is_read_again_and_takes_the_models_outputs(tmp_path):
    rows = rows_of(1)
    head = train_head(rows, 0.1)
    assert Head.read(tmp_path) is None
    head.save(tmp_path)
    again = Head.read(tmp_path)
    join = join_classes(ClassList(CLASSES, ("", "", "")), ClassList(("b", "x", "a"), ("", "", "")))
    outputs = Outputs(np.stack([rows.own[:, 1], rows.own[:, 0] * 9, rows.own[:, 0]], axis=1), rows.embedding)
    assert np.array_equal(again.of_outputs(outputs, join), head(rows.own, rows.embedding))
    (tmp_path / "head.npz").write_bytes(b"damaged")
    with pytest.raises(BirdlibError, match="head.npz: cannot be read"):
        Head.read(tmp_path)


def test_logits_of_known_classes_stand_in_their_columns():
    assert own_logits(np.array([[1.0, 2.0]]), ("c", "a"), CLASSES).tolist() == [[2, 0, 1]]


def test_a_head_without_rows_is_refused():
    with pytest.raises(BirdlibError, match="needs rows to learn from"):
        train_head(rows_of(1).take(np.zeros(120, bool)), 0.1)


def test_the_smallest_loss_is_found():
    """Scikit-learn's logistic regression, class by class, without the model's own logits."""
    from sklearn.linear_model import LogisticRegression

    rows = rows_of(3)
    rows.own[:] = 0
    head = train_head(rows, 1.0)
    inputs = (rows.embedding.astype(np.float64) - head.mean) / head.scale
    for place in range(3):
        reference = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(inputs, rows.targets[:, place])
        ours = expit(head(rows.own, rows.embedding)[:, place])
        assert np.abs(ours - reference.predict_proba(inputs)[:, 1]).max() < 0.02
