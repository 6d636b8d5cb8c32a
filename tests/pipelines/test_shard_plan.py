"""Images are packed into even shards, by encoding and in key order, and each unit reads its own rows back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird.key_sorted import KeySorted
from million_ird.patches import PatchSettings
from million_ird.store import Store
from pipelines.shard_plan import (
    SHARD_PLAN_SCHEMA,
    ShardSettings,
    ShardUnit,
    assign,
    estimated_bytes,
    read_shard_plan,
    read_shard_unit,
    write_shard_plan,
)

PATCHES = PatchSettings()
EMPTY = {field.name: "" if field.type == pa.string() else 0 for field in SHARD_PLAN_SCHEMA}


def images(*rows: tuple[str, str, int, int, int]) -> pa.Table:
    """Rows of key, encoding, width, height, bytes of the file."""
    named = [
        {**EMPTY, "key": key, "encoding": encoding, "width": width, "height": height, "size": size}
        for key, encoding, width, height, size in rows
    ]
    columns = [name for name in SHARD_PLAN_SCHEMA.names if name != "shard"]
    return pa.Table.from_pylist(named, schema=SHARD_PLAN_SCHEMA).select(columns)


def on_disk(folder: Path, table: pa.Table) -> KeySorted:
    pq.write_table(table, folder / "images.parquet")
    return KeySorted(folder / "images.parquet")


def test_patches_of_a_jpeg_take_their_share_of_its_bytes() -> None:
    table = images(("a", "jpg", 1024, 1024, 800_000), ("b", "jpg", 1024, 768, 600_000), ("c", "jpg", 300, 300, 9_000))
    (batch,) = table.to_batches()
    assert estimated_bytes(batch, "jpg", PATCHES).tolist() == pytest.approx(
        [4 * 2048 + 800_000, 2 * 2048 + 600_000 * 2 * 512**2 / (1024 * 768), 0]
    )
    assert estimated_bytes(batch, "webp", PATCHES)[0] == pytest.approx(4 * 2048 + 1.1 * 1024**2)


def test_shards_are_even_and_numbered_after_earlier_ones() -> None:
    nbytes = {"webp": np.array([1.0, 1.0]), "jpg": np.full(10, 1e6)}
    assert assign(nbytes, {"jpg": 5}, ShardSettings(target_mb=3)) == [
        (ShardUnit("jpg", 5, 0), 3),
        (ShardUnit("jpg", 6, 1), 3),
        (ShardUnit("jpg", 7, 2), 4),
        (ShardUnit("webp", 0, 3), 2),
    ]


def test_each_unit_reads_its_own_rows_back(tmp_path: Path) -> None:
    table = images(("a", "jpg", 512, 512, 900_000), ("b", "webp", 600, 512, 7), ("c", "jpg", 512, 512, 900_000))
    units = [(ShardUnit("jpg", 0, 0), 1), (ShardUnit("jpg", 1, 1), 1), (ShardUnit("webp", 0, 2), 1)]
    write_shard_plan(units, on_disk(tmp_path, table), "cutter 1", tmp_path / "patches.parquet")
    store = Store(str(tmp_path))
    coders, planned = read_shard_plan(store, "patches.parquet")
    assert coders == "cutter 1"
    assert planned == [unit for unit, _ in units]
    read = [read_shard_unit(store, "patches.parquet", unit) for unit in planned]
    assert [[(row["key"], row["encoding"], row["shard"]) for row in rows] for rows in read] == [
        [("a", "jpg", 0)],
        [("c", "jpg", 1)],
        [("b", "webp", 0)],
    ]
    assert read[2][0]["width"] == 600


@pytest.mark.parametrize("counts", [[50_000], [1, 49_998, 1], [20_000, 20_000, 10_000]])
def test_units_may_begin_and_end_anywhere(tmp_path: Path, counts: list[int]) -> None:
    """More rows than are read at a time, so that units end within what was read, and at its end, and beyond it."""
    keys = [f"{number:024x}" for number in range(60_000)]
    table = images(*((key, "webp" if number % 6 == 5 else "jpg", 9, 9, 9) for number, key in enumerate(keys)))
    units = [(ShardUnit("jpg", place, place), count) for place, count in enumerate(counts)]
    units.append((ShardUnit("webp", 0, len(units)), 10_000))
    write_shard_plan(units, on_disk(tmp_path, table), "cutter 1", tmp_path / "patches.parquet")
    with pq.ParquetFile(tmp_path / "patches.parquet") as plan:
        groups = [plan.read_row_group(group)["key"].to_pylist() for group in range(plan.num_row_groups)]
    assert [len(group) for group in groups] == [count for _, count in units]
    jpg = [key for number, key in enumerate(keys) if number % 6 < 5]
    assert [key for group in groups[:-1] for key in group] == jpg
    assert groups[-1] == keys[5::6]


def test_no_image_makes_no_shard(tmp_path: Path) -> None:
    units = assign({}, {}, ShardSettings())
    write_shard_plan(units, on_disk(tmp_path, images()), "cutter 1", tmp_path / "patches.parquet")
    assert units == []
    assert read_shard_plan(Store(str(tmp_path)), "patches.parquet") == ("cutter 1", [])


def test_images_without_room_for_a_patch_still_get_their_shard() -> None:
    assert assign({"jpg": np.zeros(1)}, {}, ShardSettings()) == [(ShardUnit("jpg", 0, 0), 1)]
