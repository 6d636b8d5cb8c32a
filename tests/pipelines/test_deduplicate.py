"""Deduplication over a whole dataset: which copies go, what verifies them, and that it is the same every time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird.dataset import Dataset, open_dataset
from million_ird.duplicates import PAIR_SCHEMA
from million_ird.errors import DatasetError
from million_ird.key_sorted import KeySorted
from million_ird.markers import read_marker
from million_ird.records import DUPLICATE_SCHEMA
from pipelines.deduplicate import deduplicate
from pipelines.known_duplicates import as_pairs, known_duplicates, thumbnails_in
from pipelines.session import session
from tests.flow.web_world import WebWorld, key_of, quiet, web_world
from tests.flow.world import jpeg, picture


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebWorld]:
    with web_world(tmp_path_factory.mktemp("world")) as world:
        a = picture(1, 320, 256)
        world.pictures["a turned.jpg"] = jpeg(np.ascontiguousarray(np.rot90(a)), 85)
        world.pictures["b small.jpg"] = jpeg(picture(2, 320, 256)[::2, ::2])
        world.pictures["h.jpg"] = jpeg(picture(9, 448, 320))
        world.pictures["h cropped.jpg"] = jpeg(picture(9, 448, 320)[20:300, 40:432], 88)
        world.write_list(list(world.pictures))
        world.build(world.root / "out")
        yield world


@pytest.fixture
def dataset(world: WebWorld, tmp_path: Path) -> Dataset:
    """A dataset that was not deduplicated yet."""
    shutil.copytree(world.root / "out", tmp_path / "out")
    for name in ("duplicates.parquet", "plan/g000/duplicates.parquet", "plan/g000/duplicates.json"):
        (tmp_path / "out" / name).unlink()
    return open_dataset(str(tmp_path / "out"))


def _deduplicate(world: WebWorld, dataset: Dataset, *overrides: str) -> dict[str, dict[str, object]]:
    with session(dataset.url, world.recipe(*overrides), quiet) as run:
        deduplicate(run, dataset, 0)
    return {row["key"]: row for row in dataset.duplicates().to_pylist()}


def test_the_copies_go_and_their_keeper_stays(world: WebWorld, dataset: Dataset) -> None:
    found = _deduplicate(world, dataset)
    keys = {name: key_of(dataset, world.url(name)) for name in world.pictures}
    same = {keys["a.jpg"], keys["a again.jpg"]}
    keeper = min(same)  # equal in pixels and bytes: the smallest key
    expected = {
        max(same): ("bytes", keeper, "identity"),
        keys["a mirrored.jpg"]: ("near", keeper, "mirror"),
        keys["b small.jpg"]: ("near", keys["b.jpg"], "identity"),
    }
    turned = found.pop(keys["a turned.jpg"])
    assert (turned["kind"], turned["keeper"]) == ("near", keeper) and str(turned["transform"]).startswith("rot")
    assert {key: (row["kind"], row["keeper"], row["transform"]) for key, row in found.items()} == expected
    assert all(row["thumbnail"] and row["keeper_thumbnail"] for row in found.values())
    marker = read_marker(dataset.store, "plan/g000/duplicates.json")
    assert marker is not None and marker.counts["duplicates"] == 4 and marker.counts["unverified"] == 0
    assert dataset.store.read("duplicates.parquet") == dataset.store.read("plan/g000/duplicates.parquet")


def test_it_comes_to_the_same_each_time(world: WebWorld, dataset: Dataset) -> None:
    _deduplicate(world, dataset)
    assert dataset.store.read("duplicates.parquet") == (world.root / "out" / "duplicates.parquet").read_bytes()


def test_it_can_be_switched_off(world: WebWorld, tmp_path: Path) -> None:
    dataset = world.build(tmp_path / "out", "duplicates.enabled=false")
    assert dataset.duplicates().num_rows == 0
    urls = {row["url"] for row, _ in dataset}
    assert {world.url("a.jpg"), world.url("a again.jpg"), world.url("a mirrored.jpg")} <= urls


def test_crops_go_only_where_they_are_looked_for(world: WebWorld, dataset: Dataset, tmp_path: Path) -> None:
    with_crops = world.build(tmp_path / "crops", "duplicates.crops=true")
    found = {row["key"]: row for row in with_crops.duplicates().to_pylist()}
    crop = found.pop(key_of(with_crops, world.url("h cropped.jpg")))
    assert (crop["kind"], crop["keeper"]) == ("crop", key_of(with_crops, world.url("h.jpg")))
    assert crop["agreement"] >= 0.82 and crop["thumbnail"] and crop["keeper_thumbnail"]
    assert found == _deduplicate(world, dataset), "the others are found as without crops"


def test_an_image_whose_bytes_are_gone_is_said_so(world: WebWorld, dataset: Dataset) -> None:
    for name in dataset.store.list("images"):
        if name.endswith(".tar"):
            dataset.store.remove(name)
    with pytest.raises(DatasetError, match="is missing"):
        _deduplicate(world, dataset)
    assert not dataset.store.exists("plan/g000/duplicates.json"), "a failure leaves no marker"


def _known(*rows: tuple[str, str, str]) -> pa.Table:
    full = [
        {"key": key, "keeper": keeper, "cluster": key, "kind": "near", "distance": 20.0, "agreement": 0.9}
        | {"transform": transform, "benchmark": "", "thumbnail": key.encode(), "keeper_thumbnail": None}
        for key, keeper, transform in rows
    ]
    return pa.Table.from_pylist(full, schema=DUPLICATE_SCHEMA)


def test_what_was_found_before_becomes_pairs(tmp_path: Path) -> None:
    a, b, c, gone = (letter * 24 for letter in "abcd")
    pq.write_table(pa.table({"key": [a, b, c]}), tmp_path / "images.parquet")
    images = KeySorted(tmp_path / "images.parquet")
    pairs = as_pairs(_known((c, a, "rot90"), (a, b, "rot90"), (b, gone, "identity")), images)
    assert pairs.schema.names == [*PAIR_SCHEMA.names, "agreement"]
    assert [tuple(row.values()) for row in pairs.to_pylist()] == [
        (0, 2, "near", 20, "rot90", 0.9),  # what turns the second, c, into the first, a
        (0, 1, "near", 20, "rot270", 0.9),  # the other way round
    ]
    assert as_pairs(_known(), images).num_rows == 0
    assert thumbnails_in(_known((c, a, "identity"))) == {c: c.encode()}


def test_the_first_generation_knows_nothing(dataset: Dataset) -> None:
    assert known_duplicates(dataset.store, 0).num_rows == 0
