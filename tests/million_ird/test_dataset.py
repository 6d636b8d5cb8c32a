"""A dataset opened for reading: rows, patches by key, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from million_ird.dataset import Dataset, open_dataset
from million_ird.errors import DatasetError, MillionIrdError
from million_ird.records import image_schema, patch_schema
from tests.flow.web_world import key_of, rows, web_world


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        world.build(world.root / "out")
        yield open_dataset(str(world.root / "out"))


def test_the_iterator_gives_every_kept_patch_once(dataset: Dataset) -> None:
    found = list(dataset)
    kept = [row for batch in dataset.patch_rows() for row in batch.to_pylist() if row["kept"]]
    assert [row for row, _ in found] == kept
    assert len({row["key"] for row in kept}) == len(kept) == sum(shard.patches for shard in dataset.shards())
    assert sum(len(data) for _, data in found) == sum(shard.nbytes for shard in dataset.shards())


def test_a_patch_is_found_by_its_key(dataset: Dataset) -> None:
    for row, data in list(dataset)[::17]:
        assert dataset.patch(row["key"]) == (row, data)
    rejected = next(row for batch in dataset.patch_rows() for row in batch.to_pylist() if not row["kept"])
    for key in ("none", "", rejected["key"]):
        with pytest.raises(KeyError):
            dataset.patch(key)


def test_columns_may_be_chosen(dataset: Dataset) -> None:
    for batch in dataset.image_rows(["width", "no_such_column"]):
        assert batch.schema.names == ["key", "width"]
    for batch in dataset.patch_rows(["key", "flat_fraction", "no_such_column"]):
        assert batch.schema.names == ["key", "flat_fraction"]
    for batch in dataset.image_rows():
        names = batch.schema.names
        assert names == image_schema(names[len(image_schema([]).names) :]).names
        assert {"short_side", "entropy", "laplacian_variance"} < set(names)
    assert {tuple(batch.schema.names) for batch in dataset.patch_rows()} == {tuple(patch_schema([]).names)}


def test_images_come_as_they_were_fetched(dataset: Dataset) -> None:
    kept = [row for row in rows(dataset).values() if row["tar"]]
    assert kept
    assert all(len(dataset.image_bytes(row)) == row["nbytes"] for row in kept)
    lost = next(row for row in rows(dataset).values() if not row["tar"])
    with pytest.raises(DatasetError, match="were not kept"):
        dataset.image_bytes(lost)


@pytest.mark.parametrize("damage", ["cut short", "missing"])
@pytest.mark.parametrize("kind", ["images/*.parquet", "patches/jpg/*.parquet", "duplicates.parquet"])
def test_a_damaged_table_is_named_in_one_line(dataset: Dataset, tmp_path: Path, kind: str, damage: str) -> None:
    shutil.copytree(dataset.url, tmp_path / "copy")
    table = next((tmp_path / "copy").glob(kind))
    size, copy = table.stat().st_size, open_dataset(str(tmp_path / "copy"))
    table.unlink()
    if damage == "cut short":
        table.write_bytes((Path(dataset.url) / table.relative_to(tmp_path / "copy")).read_bytes()[: size // 2])
    elif kind == "duplicates.parquet":
        return  # as before that step ran
    with pytest.raises(DatasetError, match=rf"{table.name} is (damaged|missing): `million-ird verify .*` names all"):
        for read in (copy.image_rows, copy.patch_rows, copy.duplicate_rows):
            list(read())


def test_a_damaged_patch_is_not_handed_out(dataset: Dataset, tmp_path: Path) -> None:
    shutil.copytree(dataset.url, tmp_path / "set")
    copy = open_dataset(str(tmp_path / "set"))
    row, data = next(iter(copy))
    tar = tmp_path / "set" / row["tar"]
    content = bytearray(tar.read_bytes())
    content[row["offset"] + len(data) // 2] ^= 1
    tar.write_bytes(content)
    with pytest.raises(DatasetError, match=f"{row['member']} is damaged"):
        copy.patch(row["key"])
    tar.unlink()
    with pytest.raises(DatasetError, match="is missing"):
        copy.patch(row["key"])


@pytest.mark.parametrize("make", [False, True])
def test_a_place_without_dataset_is_said_so(tmp_path: Path, make: bool) -> None:
    if make:
        (tmp_path / "set").mkdir()
    with pytest.raises(DatasetError, match=r"no dataset at .*set: there is no dataset\.json"):
        open_dataset(str(tmp_path / "set"))


def test_a_file_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("x")
    with pytest.raises(MillionIrdError, match=r"not a folder|no dataset at"):
        open_dataset(str(tmp_path / "set"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b"[]", "is damaged"),
        (b'{"format_version": "2.0"}', "has format version 2.0; this program reads 1.x"),
        (b"{}", "has format version"),
    ],
)
def test_a_head_that_is_none_is_one_clear_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(DatasetError, match=said):
        open_dataset(str(tmp_path))


def test_a_later_minor_version_is_read(dataset: Dataset, tmp_path: Path) -> None:
    shutil.copytree(dataset.url, tmp_path / "set")
    head = dataset.info | {"format_version": "1.7", "something_new": 1}
    (tmp_path / "set" / "dataset.json").write_text(json.dumps(head))
    assert len(list(open_dataset(str(tmp_path / "set")))) == len(list(dataset))


def test_a_dataset_that_was_only_begun_is_empty(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(json.dumps(dataset.info | {"state": "building"}))
    begun = open_dataset(str(tmp_path))
    assert list(begun) == list(begun.image_rows()) == begun.shards() == begun.generations() == []
    assert begun.duplicates().num_rows == 0


def test_keys_name_their_image(dataset: Dataset) -> None:
    keys = set(rows(dataset))
    assert all(row["key"].startswith(row["image_key"]) and row["image_key"] in keys for row, _ in dataset)
    assert key_of(dataset, next(str(row["url"]) for row in rows(dataset).values())) in keys
