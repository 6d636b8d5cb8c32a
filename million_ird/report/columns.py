"""Columns of a record batch as NumPy arrays; an absent optional column reads as all unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from million_ird.errors import DatasetError

_ROWS_AT_ONCE = 1 << 15
"""Larger batches are looked at in slices, so that memory is bounded whatever wrote the table."""


def slices(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of at most 32,768, empty ones left out."""
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            yield batch.slice(start, _ROWS_AT_ONCE)


def required(batch: pa.RecordBatch, name: str, table: str) -> pa.Array:
    """A column that the report cannot do without.

    Raises:
        DatasetError: the table has no such column.
    """
    if name not in batch.schema.names:
        raise DatasetError(f"the {table} table has no column {name!r}: it is not a table of this format")
    return batch.column(name)


def strings(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A string column without nulls; "" where it is null or absent."""
    if name not in batch.schema.names:
        return pa.array([""] * batch.num_rows, pa.string())
    return pc.fill_null(batch.column(name).cast(pa.string()), "")


def numbers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.float64]:
    """A numeric column as float64, NaN where it is null or absent."""
    if name not in batch.schema.names:
        return np.full(batch.num_rows, np.nan)
    return np.asarray(pc.fill_null(batch.column(name).cast(pa.float64()), np.nan), np.float64)


def integers(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    """An integer column as int64, 0 where it is null or absent."""
    if name not in batch.schema.names:
        return np.zeros(batch.num_rows, np.int64)
    return np.asarray(pc.fill_null(batch.column(name).cast(pa.int64()), 0), np.int64)


def flags(batch: pa.RecordBatch, name: str, table: str) -> npt.NDArray[np.bool_]:
    """A required boolean column; null reads as False."""
    column = pc.fill_null(required(batch, name, table), False)
    return np.asarray(column.to_numpy(zero_copy_only=False), np.bool_)


def keys(batch: pa.RecordBatch, name: str, table: str) -> npt.NDArray[np.bytes_]:
    """A required column of keys as fixed-width bytes, which sort and compare quickly."""
    values = pc.fill_null(required(batch, name, table), "").cast(pa.binary())
    return np.asarray(values.to_pylist(), np.bytes_)
