"""Rows are sorted by key on the disk: all of them, whatever the number of scratch files, and found again by number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from million_ird import key_sorted
from million_ird.errors import DatasetError, StoreError
from million_ird.image_keys import key_array
from million_ird.key_sorted import KeySorted, sort_by_key
from million_ird.records import image_key
from million_ird.store import Store

SCHEMA = pa.schema([("key", pa.string()), ("number", pa.int64()), ("data", pa.binary())])
KEYS = [image_key(str(number)) for number in range(2000)]
ORDERED = sorted(KEYS)


def batches(keys: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of odd sizes, an empty one among them, with a column too many and the others in another order."""
    for start, end in pairwise([0, 0, 1, 700, 701, len(keys)]):
        part = keys[start:end]
        numbers = pa.array([KEYS.index(key) for key in part], pa.int32())
        data = pa.array([None if int(key, 16) % 3 else key.encode() for key in part], pa.binary())
        yield pa.RecordBatch.from_pydict({"other": part, "data": data, "number": numbers, "key": part})


@pytest.fixture(params=[20_000, 300, 1])
def images(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeySorted:
    """The rows in one scratch file, in seven, and in as many as there may be; dealt and read a few at a time."""
    monkeypatch.setattr(key_sorted, "_FILE_ROWS", request.param)
    monkeypatch.setattr(key_sorted, "_BATCH_ROWS", 170)
    images = sort_by_key(batches(KEYS), SCHEMA, len(KEYS), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sorted.parquet"], "scratch files are taken away"
    return images


def test_all_rows_are_there_in_the_order_of_their_keys(images: KeySorted) -> None:
    assert images.rows == len(KEYS)
    rows = pa.Table.from_batches(images.batches(SCHEMA.names)).to_pylist()
    assert [row["key"] for row in rows] == ORDERED
    assert all(KEYS[row["number"]] == row["key"] for row in rows)
    assert all(row["data"] == (None if int(row["key"], 16) % 3 else row["key"].encode()) for row in rows)


def test_rows_are_taken_by_their_numbers(images: KeySorted) -> None:
    numbers = np.array([0, 1, 169, 170, 171, 1000, 1999])
    assert images.take(numbers, ["key"])["key"].to_pylist() == [ORDERED[number] for number in numbers]
    assert images.take(np.arange(2000), ["key"])["key"].to_pylist() == ORDERED
    nothing = images.take(np.empty(0, np.int64), ["number", "key"])
    assert nothing.num_rows == 0 and nothing.schema.names == ["number", "key"]


def test_numbers_are_found_by_key(images: KeySorted) -> None:
    strangers = [image_key(f"stranger {number}") for number in range(50)]
    keys = sorted([*KEYS[::7], *strangers, KEYS[7], "0" * 24, "f" * 24])
    expected = [ORDERED.index(key) if key in KEYS else -1 for key in keys]
    assert images.find(key_array(pa.array(keys))).tolist() == expected
    assert images.find(key_array(pa.array([], pa.string()))).tolist() == []


def test_no_rows_are_sorted_too(tmp_path: Path) -> None:
    images = sort_by_key(iter(()), SCHEMA, 0, tmp_path)
    assert images.rows == 0 and list(images.batches(["key"])) == []
    assert images.take(np.empty(0, np.int64), ["key"]).num_rows == 0
    assert images.find(key_array(pa.array(KEYS[:1]))).tolist() == [-1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the disk is full"), Store(str(tmp_path)).spool() as folder:
        (folder / "000.arrow").symlink_to("/dev/full")
        sort_by_key(batches(KEYS), SCHEMA, len(KEYS), folder)


def test_what_is_no_key_is_said_so(tmp_path: Path) -> None:
    rows = pa.RecordBatch.from_pydict({"key": ["no key"], "number": [1], "data": [b""]})
    with pytest.raises(DatasetError, match="key"):
        sort_by_key([rows], SCHEMA, 1, tmp_path)
