"""Patches and images of a built dataset, by their keys."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from annotation.pictures import PictureError
from annotation.project import create_project, open_project
from annotation.sources import open_source
from annotation.sources.built import BuiltSource
from million_ird.dataset import Dataset
from million_ird.errors import DatasetError, UsageError
from million_ird.pixels import decode_patch


def test_kept_patches_become_items(built: Dataset, tmp_path: Path) -> None:
    kept = {row["key"]: data for row, data in built}
    with create_project(tmp_path / "p", open_source(built.url)) as project:
        items = {item.name: item for item in project.store.every_item()}
        assert set(items) == set(kept)
        for key, item in items.items():
            assert project.pictures.read(item) == kept[key]
            assert np.array_equal(project.pictures.pixels(item), decode_patch(kept[key]))
            assert item.provenance["image_key"] == key.split("-")[0]


def test_kept_images_become_items(built: Dataset, tmp_path: Path) -> None:
    rows = [row for batch in built.image_rows() for row in batch.to_pylist() if row["kept"]]
    create_project(tmp_path / "p", open_source(built.url, of="images")).close()
    with open_project(tmp_path / "p") as project:
        items = {item.name: item for item in project.store.every_item()}
        assert set(items) == {row["key"] for row in rows}
        for row in rows:
            assert project.pictures.read(items[row["key"]]) == built.image_bytes(row)
            assert items[row["key"]].provenance["url"] == row["url"]


def test_a_patch_is_turned_upright_as_its_row_says(built: Dataset, tmp_path: Path) -> None:
    class Turned(BuiltSource):
        """The same patches, cut out of pictures that were taken sideways."""

        def candidates(self):  # type: ignore[no-untyped-def]
            for found in super().candidates():
                yield type(found)(found.name, found.name, found.blurred, None, {"orientation": "6"})  # type: ignore[union-attr, call-arg]

    with create_project(tmp_path / "p", Turned(built.url)) as project:
        item = project.store.item(1)
        stored = decode_patch(project.pictures.read(item))
        assert np.array_equal(project.pictures.pixels(item), np.rot90(stored, -1))
        assert project.pictures.display(item).media_type == "image/png"


def test_what_is_gone_from_the_dataset_is_said_to_be(dataset: Dataset, tmp_path: Path) -> None:
    with create_project(tmp_path / "p", BuiltSource.at(dataset.url, "images")) as project:
        item = project.store.item(1)
        for tar in (Path(dataset.url) / "images").rglob("*.tar"):
            tar.unlink()
        with pytest.raises(PictureError, match=item.name):
            project.pictures.read(item)


def test_no_dataset_and_no_such_pictures_are_refused(built: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no dataset"):
        BuiltSource.at(str(tmp_path))
    with pytest.raises(UsageError, match="has patches and images, no thumbnails"):
        BuiltSource.at(built.url, "thumbnails")
    (tmp_path / "dataset.json").write_text(json.dumps({"format_version": "9.0"}))
    with pytest.raises(DatasetError, match="9"):
        open_source(str(tmp_path))
