"""Images are packed into even shards, by encoding and in key order, and each unit reads its own rows back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

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


def test_patches_of_a_jpeg_take_their_share_of_its_bytes() -> None:
    table = images(("a", "jpg", 1024, 1024, 800_000), ("b", "jpg", 1024, 768, 600_000), ("c", "jpg", 300, 300, 9_000))
    assert estimated_bytes(table, "jpg", PATCHES).tolist() == pytest.approx(
        [4 * 2048 + 800_000, 2 * 2048 + 600_000 * 2 * 512**2 / (1024 * 768), 0]
    )
    assert estimated_bytes(table, "webp", PATCHES)[0] == pytest.approx(4 * 2048 + 1.1 * 1024**2)


def test_shards_are_even_and_numbered_after_earlier_ones() -> None:
    table = images(
        *((f"{n:02d}", "jpg", 512, 512, 1_000_000 - 2048) for n in range(10)),
        *((f"{n:02d}", "webp", 512, 512, 1) for n in range(10, 12)),
    )
    units = assign(table, {"jpg": 5}, PATCHES, ShardSettings(target_mb=3))
    assert [(unit, part["key"].to_pylist()) for unit, part in units] == [
        (ShardUnit("jpg", 5, 0), ["00", "01", "02"]),
        (ShardUnit("jpg", 6, 1), ["03", "04", "05"]),
        (ShardUnit("jpg", 7, 2), ["06", "07", "08", "09"]),
        (ShardUnit("webp", 0, 3), ["10", "11"]),
    ]


def test_each_unit_reads_its_own_rows_back(tmp_path: Path) -> None:
    table = images(("a", "jpg", 512, 512, 900_000), ("b", "webp", 600, 512, 7), ("c", "jpg", 512, 512, 900_000))
    units = assign(table, {}, PATCHES, ShardSettings(target_mb=1))
    write_shard_plan(units, "cutter 1", tmp_path / "patches.parquet")
    store = Store(str(tmp_path))
    coders, planned = read_shard_plan(store, "patches.parquet")
    assert coders == "cutter 1"
    assert planned == [ShardUnit("jpg", 0, 0), ShardUnit("jpg", 1, 1), ShardUnit("webp", 0, 2)]
    read = [read_shard_unit(store, "patches.parquet", unit) for unit in planned]
    assert [[(row["key"], row["encoding"], row["shard"]) for row in rows] for rows in read] == [
        [("a", "jpg", 0)],
        [("c", "jpg", 1)],
        [("b", "webp", 0)],
    ]
    assert read[2][0]["width"] == 600


def test_no_image_makes_no_shard(tmp_path: Path) -> None:
    units = assign(images(), {}, PATCHES, ShardSettings())
    write_shard_plan(units, "cutter 1", tmp_path / "patches.parquet")
    assert units == []
    assert read_shard_plan(Store(str(tmp_path)), "patches.parquet") == ("cutter 1", [])


def test_images_without_room_for_a_patch_still_get_their_shard() -> None:
    ((unit, part),) = assign(images(("a", "jpg", 300, 300, 900)), {}, PATCHES, ShardSettings())
    assert (unit, part["key"].to_pylist()) == (ShardUnit("jpg", 0, 0), ["a"])
