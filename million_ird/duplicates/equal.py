"""Equal values in a column of any length, found with eight bytes for each row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from million_ird.key_sorted import KeySorted

_CHUNK = 1 << 14


def equal_strings(images: KeySorted, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first, second): for every row with the same string as earlier ones, the earliest of them, and itself.

    An empty string or null equals nothing. Sixteen digits (8 bytes a row) say which rows may be equal; the strings of
    those alone are then compared in full.
    """
    prefixes = np.zeros(images.rows, np.uint64)
    start = 0
    for batch in images.batches([name]):
        prefixes[start : start + batch.num_rows] = _prefixes(batch[name])
        start += batch.num_rows
    rows = repeated(prefixes)
    codes = pc.fill_null(images.take(rows, [name])[name], "").combine_chunks().dictionary_encode()
    indices = codes.indices.to_numpy(zero_copy_only=False)
    firsts = np.full(len(codes.dictionary), len(rows), np.int64)
    np.minimum.at(firsts, indices, np.arange(len(rows)))
    second = np.flatnonzero(firsts[indices] != np.arange(len(rows)))
    return rows[firsts[indices[second]]], rows[second]


def _prefixes(digits: pa.Array) -> NDArray[np.uint64]:
    """The first sixteen hexadecimal digits of each string as a number, 0 for an empty one or null."""
    first = pc.utf8_rpad(pc.utf8_slice_codeunits(pc.fill_null(digits, ""), 0, 16), 16, "0")
    return np.frombuffer(bytes.fromhex("".join(first.to_pylist())), ">u8").astype(np.uint64)


def repeated(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Places of the values that stand more than once; 0 stands for an unknown one."""
    ordered = np.sort(values)
    twice = np.unique(ordered[1:][(ordered[1:] == ordered[:-1]) & (ordered[1:] > 0)])
    del ordered
    if not len(twice):
        return np.empty(0, np.int64)
    found = []
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        near = twice[np.minimum(np.searchsorted(twice, part), len(twice) - 1)]
        found.append(start + np.flatnonzero(near == part))
    return np.concatenate(found)
