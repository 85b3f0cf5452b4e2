"""Finding attached sources the way Kaggle mounts them."""

from pathlib import Path

import pytest

from birdlib.errors import BirdlibError
from birdlib.sources import find_folders, find_source, input_root

NEW = {
    "dataset:openvino-wheels": "datasets/someone/openvino-wheels",
    "kernel:birdlib-export": "notebooks/someone/birdlib-export",
    "competition:birdclef-2023": "competitions/birdclef-2023",
    "model:perch/tensorflow2/default/4": "models/google/perch/tensorflow2/default/4",
}
OLD = {source: source.split(":")[1] for source in NEW}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KAGGLE_INPUT_ROOT", str(tmp_path))
    return tmp_path


def mount(root: Path, path: str, *files: str) -> Path:
    (root / path).mkdir(parents=True)
    for name in files:
        (root / path / name).touch()
    return root / path


@pytest.mark.parametrize("layout", [NEW, OLD], ids=["new", "old"])
@pytest.mark.parametrize("source", NEW)
def test_every_kind_is_found_in_the_new_and_the_old_layout(root: Path, layout: dict, source: str):
    for path in layout.values():
        mount(root, path)
    assert find_source(source) == root / layout[source]


def test_the_new_layout_goes_before_the_old(root: Path):
    mount(root, "weights")
    new = mount(root, "datasets/someone/weights")
    assert find_source("dataset:weights") == new


def test_a_dataset_and_a_kernel_of_one_name_are_told_apart(root: Path):
    dataset, kernel = mount(root, "datasets/a/weights"), mount(root, "notebooks/a/weights")
    assert find_source("dataset:weights") == dataset
    assert find_source("kernel:weights") == kernel


def test_folders_go_by_the_last_part_of_their_sources_names(root: Path):
    noise, birds = mount(root, "datasets/someone/noise"), mount(root, "notebooks/me/more-birds")
    assert find_folders(["dataset:noise", "kernel:me/more-birds"]) == {"noise": noise, "more-birds": birds}
    assert find_folders(None) == {}
    with pytest.raises(BirdlibError, match="another one is called 'noise', too"):
        find_folders(["dataset:someone/noise", "dataset:noise"])


def test_a_folder_of_that_name_is_found_in_a_layout_nobody_knows(root: Path):
    folder = mount(root, "somewhere/else/weights")
    assert find_source("dataset:weights") == folder


def test_a_model_is_found_whatever_the_case_of_its_framework_folder(root: Path):
    folder = mount(root, "models/a/sed/pytorch/small/1")
    assert find_source("model:sed/pyTorch/small/1") == folder


def test_a_source_under_another_name_is_found_by_its_marker(root: Path):
    mount(root, "datasets/someone/wheels", "openvino.whl")
    folder = mount(root, "datasets/someone/my-copy-of-the-weights", "manifest.json")
    assert find_source("dataset:weights", "manifest.json") == folder


def test_a_dataset_with_a_subfolder_is_entered_for_its_marker(root: Path):
    mount(root, "datasets/someone/other/inner", "openvino.whl")
    inner = mount(root, "datasets/someone/wheels/inner", "openvino.whl")
    assert find_source("dataset:wheels", "*.whl") == inner


def test_of_two_owners_the_one_with_the_marker_is_taken(root: Path):
    mount(root, "datasets/a/weights")
    right = mount(root, "datasets/b/weights", "manifest.json")
    assert find_source("dataset:weights", "manifest.json") == right


def test_two_owners_of_one_slug_are_refused_and_named(root: Path):
    mount(root, "datasets/a/weights")
    mount(root, "datasets/b/weights")
    with pytest.raises(BirdlibError, match="datasets/a/weights, datasets/b/weights"):
        find_source("dataset:weights")


def test_an_owner_in_the_source_settles_which_one(root: Path):
    mount(root, "datasets/a/weights")
    right = mount(root, "datasets/b/weights")
    assert find_source("dataset:b/weights") == right


def test_a_missing_source_says_where_it_was_looked_for_and_what_is_mounted(root: Path):
    for path in NEW.values():
        mount(root, path)
    with pytest.raises(BirdlibError) as caught:
        find_source("dataset:weights")
    text = str(caught.value)
    assert "'dataset:weights'" in text
    assert f"{root}/datasets/<owner>/weights" in text and f"{root}/weights" in text
    for path in NEW.values():
        assert path in text
    assert "attach it" in text
    assert "\n" not in text


def test_a_folder_without_its_marker_is_named_as_such(root: Path):
    folder = mount(root, "datasets/a/weights", "readme.txt")
    with pytest.raises(BirdlibError, match=f"{folder} is there but holds no manifest.json"):
        find_source("dataset:weights", "manifest.json")


def test_a_long_list_of_mounts_is_shortened(root: Path):
    for number in range(40):
        mount(root, f"datasets/someone/set-{number:02}")
    with pytest.raises(BirdlibError, match="set-00.* and 25 more"):
        find_source("dataset:weights")


def test_an_empty_and_an_absent_input_folder_are_told_apart(root: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(BirdlibError, match="nothing is mounted"):
        find_source("dataset:weights")
    monkeypatch.setenv("KAGGLE_INPUT_ROOT", str(root / "absent"))
    with pytest.raises(BirdlibError, match="absent does not exist"):
        find_source("dataset:weights")


@pytest.mark.parametrize(
    "source",
    [
        "weights",
        "dataset:",
        "file:weights",
        "model:perch",
        "dataset:../x",
        "dataset:a b",
        "dataset:a/b/c",
        "",
    ],
)
def test_a_source_written_wrongly_is_refused(root: Path, source: str):
    with pytest.raises(BirdlibError, match="write it as dataset:SLUG"):
        find_source(source)


def test_without_the_variable_the_input_root_is_that_of_kaggle(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("KAGGLE_INPUT_ROOT", raising=False)
    assert input_root().parts[1:] == ("kaggle", "input")


def test_a_source_that_the_recipe_left_empty_is_told_in_one_line():
    with pytest.raises(BirdlibError, match="is None in the settings; attach it"):
        find_source(None)
