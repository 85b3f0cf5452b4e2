"""The owner: the recipe's, then the command line's, then that of the credentials."""

import json

import pytest

from kernelgen.errors import KernelgenError
from kernelgen.recipe import load_project
from kernelgen.recipe.project import UNKNOWN_OWNER

OWNED = 'library = "pk"\nowner = "recipe-owner"\n[kernels.case]\ntemplate = "case"\n'


def test_the_recipe_comes_before_the_command_line_before_the_credentials(write_project, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "environment-owner")
    assert load_project(write_project(OWNED), owner="line-owner").owner == "recipe-owner"
    root = write_project()
    assert load_project(root, owner="line-owner").owner == "line-owner"
    assert load_project(root).owner == "environment-owner"


@pytest.mark.parametrize("place", [".kaggle/kaggle.json", ".config/kaggle/kaggle.json", ".kaggle/credentials.json"])
def test_credentials_are_found_where_kaggle_s_client_looks(write_project, no_credentials, place):
    path = no_credentials / place
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"username": "file-owner", "key": "0" * 32}))
    assert load_project(write_project()).owner == "file-owner"


def test_the_configuration_folder_may_lie_elsewhere(write_project, monkeypatch, tmp_path):
    (tmp_path / "kaggle.json").write_text('{"username": "elsewhere"}')
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    assert load_project(write_project()).owner == "elsewhere"


def test_without_any_owner_the_metadata_says_that_one_is_missing(build):
    assert build().metadata["id"] == f"{UNKNOWN_OWNER}/pk-case"


def test_an_owner_that_kaggle_cannot_have_is_refused(write_project):
    with pytest.raises(KernelgenError, match="--owner a/b: not a Kaggle user"):
        load_project(write_project(), owner="a/b")
