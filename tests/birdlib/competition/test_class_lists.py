"""Class lists of models and competitions are joined by label, scientific name, synonym or genus."""

import numpy as np
import pytest

from birdlib.competition.class_lists import ClassList, join_classes, read_class_list
from birdlib.errors import BirdlibError

WANTED = ClassList(
    ("comrav", "grewhi1", "blackc1", "x_corvus", "47158son16"),
    ("Corvus corax", "Curruca  communis", "Sylvia atricapilla", "Corvus imparatus", ""),
)
OFFERED = ClassList(
    ("corvus corax_Raven", "Sylvia communis_Whitethroat", "blackc1", "Corvus corone_Crow"),
    ("corvus corax", "Sylvia communis", "Other name", "Corvus corone"),
)


def test_each_class_is_joined_by_the_surest_way():
    join = join_classes(WANTED, OFFERED)
    assert join.how == ("scientific name", "synonym", "label", "", "")
    assert join.columns == ((0,), (1,), (2,), (), ())
    assert join.missing == ("x_corvus", "47158son16")
    assert join.joined.labels == ("comrav", "grewhi1", "blackc1")


def test_a_genus_stands_for_its_species_only_where_asked_for():
    join = join_classes(WANTED, OFFERED, genus=True)
    assert join.how[3] == "genus" and join.columns[3] == (0, 3)
    values = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 0.0]], np.float32)
    taken = join.take(values)
    assert taken.dtype == np.float32 and taken.tolist() == [[1, 2, 3, 4], [5, 6, 7, 5]]


def test_people_read_what_was_joined_with_what():
    join = join_classes(WANTED, OFFERED, genus=True)
    table = join.table()
    assert table.loc["grewhi1"].tolist() == ["Curruca  communis", "synonym", "Sylvia communis_Whitethroat"]
    assert table.loc["x_corvus", "joined with"] == "corvus corax_Raven; Corvus corone_Crow"
    assert table.loc["47158son16", "joined by"] == ""
    assert join.summary() == (
        "4 of 5 classes are joined, 1 by label, 1 by scientific name, 1 by synonym, 1 by genus; not joined: 47158son16"
    )


def test_synonyms_hold_in_both_directions_and_for_moved_genera():
    new, old = (ClassList((name,), (name,)) for name in ("Ardea ibis", "Bubulcus ibis"))
    assert join_classes(new, old).how == join_classes(old, new).how == ("synonym",)
    moved = ClassList(("a",), ("Astur cooperii",)), ClassList(("b",), ("Accipiter cooperii",))
    assert join_classes(*moved).how == ("synonym",)


def test_classes_without_a_scientific_name_are_not_joined_with_each_other():
    nameless = ClassList(("a",), ("",)), ClassList(("b",), ("",))
    assert join_classes(*nameless, genus=True).missing == ("a",)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("train_metadata.csv", "primary_label,scientific_name\ncomrav,Corvus corax\ncomrav,Corvus corax\n22,Boa boa\n"),
        (
            "taxonomy.csv",
            "\ufeffprimary_label,scientific_name,class_name\ncomrav,Corvus corax,Aves\n22,Boa boa,Reptilia\n",
        ),
        ("eBird_Taxonomy_v2021.csv", "SPECIES_CODE,SCI_NAME\ncomrav,Corvus corax\n22,Boa boa\n"),
    ],
)
def test_a_competition_names_its_species_in_one_of_its_tables(tmp_path, file, text):
    (tmp_path / file).write_text(text, encoding="utf-8")
    classes = read_class_list(tmp_path, ("22", "comrav", "unknown"))
    assert classes.scientific_names == ("Boa boa", "Corvus corax", "")


def test_the_taxonomy_has_the_last_word_on_a_name(tmp_path):
    (tmp_path / "taxonomy.csv").write_text("primary_label,scientific_name\na,New name\n")
    (tmp_path / "train.csv").write_text("primary_label,scientific_name\na,Old name\nb,Other name\n")
    assert read_class_list(tmp_path, ("a", "b")).scientific_names == ("New name", "Other name")


def test_a_class_that_stands_twice_is_refused():
    with pytest.raises(BirdlibError, match="stands twice"):
        ClassList(("a", "a"), ("", ""))
