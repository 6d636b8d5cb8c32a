from __future__ import annotations

from pathlib import Path

import pytest

from million_ird.errors import UsageError
from million_ird.recipe_files import bundled_recipes, find_recipe


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "small.toml").write_text("small")
    (folder / "large.toml").write_text("large")
    (folder / "notes.txt").write_text("no recipe")
    return folder


def test_the_recipes_of_a_package_are_its_toml_files(package: Path) -> None:
    assert bundled_recipes(package) == ["large.toml", "small.toml"]


def test_a_bundled_recipe_is_found_by_its_name_with_and_without_suffix(package: Path) -> None:
    assert find_recipe("small", package) == ("small", "small", ".")
    assert find_recipe("small.toml", package) == ("small", "small", ".")


def test_a_file_comes_first_and_brings_its_folder(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "small.toml").write_text("mine")
    assert find_recipe(str(own / "small.toml"), package) == ("mine", "small", str(own))
    monkeypatch.chdir(own)
    assert find_recipe("small.toml", package) == ("mine", "small", ".")


def test_what_is_not_there_or_cannot_be_read_is_one_line(package: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^there is no recipe smal; those that come along are large.toml, small.toml$"
    ):
        find_recipe("smal", package)
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match=r"^cannot read the recipe .*odd\.toml"):
        find_recipe(str(tmp_path / "odd.toml"), package)
