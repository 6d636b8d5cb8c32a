"""Rows of images in the order of their keys, on the disk: how a hundred million of them are looked at together.

Keys are hashes, so their first digits divide any rows evenly. Rows are dealt to scratch files by those digits; each of
these is sorted by itself and appended to one Parquet file, where the number of a row is its place in key order. What a
step needs it then streams, column by column. In memory are some ten thousand rows at a time, or, of more than
two and a half million rows, a 256th of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.errors import DatasetError
from million_ird.image_keys import key_array
from million_ird.tables import give_back

_FILE_ROWS = 10_000
"""Rows that a scratch file is meant to hold: some megabytes, and a few times that while it is sorted."""
_MOST_FILES = 256
"""Scratch files, all open at once: a quarter of what a process usually may open."""
_BATCH_ROWS = 1 << 13
"""Rows dealt, and read again, at a time."""
_DIGITS = 4
"""First digits of a key that decide about its scratch file."""


class KeySorted:
    """A Parquet file of rows in key order. Rows are counted from 0."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with pq.ParquetFile(path) as file:
            self.rows: int = file.metadata.num_rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Some columns of all rows, in order."""
        with pq.ParquetFile(self._path) as file:
            for group in range(file.num_row_groups):  # `iter_batches` over all of them holds more the longer the file
                yield from file.read_row_group(group, list(columns), use_threads=False).to_batches()
                give_back()

    def take(self, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Some columns of the rows of the given numbers (n,), which ascend. Reads the columns once, to their end."""
        parts, start = [], 0
        for batch in self.batches(columns):
            first, last = np.searchsorted(rows, (start, start + batch.num_rows))
            parts.append(batch.take(pa.array(rows[first:last] - start)))
            start += batch.num_rows
        with pq.ParquetFile(self._path) as file:
            schema = file.schema_arrow
        return pa.Table.from_batches(parts, pa.schema([schema.field(name) for name in columns]))

    def find(self, keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """The number of the row of each key (n,) S24, -1 where there is none. The keys ascend."""
        found, start = np.full(len(keys), -1), 0
        for batch in self.batches(["key"]):
            own = key_array(batch["key"])
            near = slice(np.searchsorted(keys, own[0]), np.searchsorted(keys, own[-1], side="right"))
            places = np.searchsorted(own, keys[near])
            found[near] = np.where(own[places] == keys[near], start + places, -1)
            start += batch.num_rows
        return found


def sort_by_key(batches: Iterable[pa.RecordBatch], schema: pa.Schema, expected: int, folder: Path) -> KeySorted:
    """Sorts rows with a column `key` (image keys, each once) into a file of a scratch folder.

    Args:
        batches: rows that have the columns of `schema`, in any order.
        schema: what is kept of them.
        expected: about how many rows there will be; decides how many scratch files there are.
        folder: an empty local folder, which comes to hold about as much as the rows do, compressed lightly.
    """
    files = [folder / f"{number:03d}.arrow" for number in range(min(_MOST_FILES, 1 + expected // _FILE_ROWS))]
    _deal(batches, schema, files)
    target = folder / "sorted.parquet"
    with pq.ParquetWriter(target, schema, compression="lz4", write_statistics=False) as writer:
        for path in files:
            with pa.OSFile(str(path)) as file:
                rows = pa.ipc.open_stream(file).read_all()
            path.unlink()
            if rows.num_rows:
                writer.write_table(rows.sort_by("key"), row_group_size=_BATCH_ROWS)
            del rows
            give_back()
    return KeySorted(target)


def _deal(batches: Iterable[pa.RecordBatch], schema: pa.Schema, files: Sequence[Path]) -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with ExitStack() as stack:
        writers = [stack.enter_context(pa.ipc.new_stream(str(path), schema, options=options)) for path in files]
        for rows in _gathered(batches, schema):
            numbers = _file_numbers(rows["key"], len(files))
            order = np.argsort(numbers, kind="stable")
            rows = rows.take(pa.array(order))
            bounds = np.searchsorted(numbers[order], np.arange(len(files) + 1)).tolist()
            for writer, (start, end) in zip(writers, pairwise(bounds), strict=True):
                if start < end:
                    writer.write_table(rows.slice(start, end - start))


def _gathered(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables that are worth dealing."""
    parts: list[pa.RecordBatch] = []
    for batch in batches:
        parts.append(batch.select(schema.names).cast(schema))
        if sum(part.num_rows for part in parts) >= _BATCH_ROWS:
            yield pa.Table.from_batches(parts, schema)
            parts = []
            give_back()
    yield pa.Table.from_batches(parts, schema)


def _file_numbers(keys: pa.ChunkedArray, files: int) -> NDArray[np.int64]:
    """The scratch file of each key: those of equal first digits share one, and files are in the order of the digits."""
    digits = "".join(pc.utf8_slice_codeunits(keys, 0, _DIGITS).to_pylist())
    try:
        leading = np.frombuffer(bytes.fromhex(digits), ">u2").astype(np.int64)
    except ValueError:
        raise DatasetError("a table holds image keys that are not hexadecimal") from None
    return leading * files >> 4 * _DIGITS
