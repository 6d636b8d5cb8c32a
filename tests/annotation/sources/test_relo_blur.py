"""ReLoBlur's tree, with its folder `dataset` or without, and what does not belong to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.project import create_project
from annotation.sources import open_source
from annotation.sources.relo_blur import ReLoBlurSource
from million_ird.errors import UsageError
from tests.annotation.picture_folders import write_pictures


def _tree(folder: Path, base: str) -> Path:
    names = ("s01/00/00_blur.png", "s01/00/00_sharp.png", "s01/01/01_blur.png", "s01/01/01_sharp.png")
    return write_pictures(folder, *(f"{base}{name}" for name in names))


@pytest.mark.parametrize(
    ("base", "prefix"), [("dataset/train/", "train/"), ("train/", "train/"), ("dataset/test/", "test/"), ("", "")]
)
def test_the_tree_becomes_pairs_called_as_their_masks_will_be(tmp_path: Path, base: str, prefix: str) -> None:
    tree = _tree(tmp_path / "tree", base)
    write_pictures(tree, f"masks/{prefix}s01/00/00.png")
    with create_project(tmp_path / "p", open_source(str(tree))) as project:
        assert [source.kind for source in project.sources.values()] == ["relo_blur"]
        items = list(project.store.every_item())
        assert [item.name for item in items] == [f"{prefix}s01/00/00", f"{prefix}s01/01/01"]
        assert all(item.is_pair and item.provenance["scene"] == "s01" for item in items)
        assert items[0].provenance.get("split", "") == prefix.rstrip("/")
        assert project.pictures.pixels(items[1], "sharp").shape == (16, 24, 3)


def test_what_is_not_of_the_tree_is_refused(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree", "dataset/train/")
    write_pictures(tree, "dataset/train/s01/02/02_blur.png", "dataset/train/s01/00/00.png", "dataset/cover.png")
    (tree / "dataset/train/s01/01/01_sharp.png").write_bytes(b"")  # as in the copies that were shipped broken
    with create_project(tmp_path / "p", ReLoBlurSource.at(str(tree))) as project:
        assert [item.name for item in project.store.every_item()] == ["train/s01/00/00"]
        assert {row.place: row.reason for _, row in project.store.refused()} == {
            "train/s01/02/02_blur.png": "no_sharp_frame",
            "train/s01/00/00.png": "not_of_the_tree",
            "cover.png": "not_of_the_tree",
            "train/s01/01/01_blur.png": "sharp_empty",
        }


def test_a_folder_without_such_a_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no tree of ReLoBlur's"):
        ReLoBlurSource.at(str(write_pictures(tmp_path / "photos", "a.png")))
