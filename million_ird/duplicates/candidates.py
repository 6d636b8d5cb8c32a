"""Pairs of images that may be one picture, among all images of a dataset.

Equal bytes and equal pixels are equal strings (see `equal`); what merely looks alike has near hashes (see `near`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from million_ird.duplicates.equal import equal_strings
from million_ird.duplicates.near import Pairs, near_pairs
from million_ird.duplicates.settings import DuplicateSettings
from million_ird.fingerprint import HASH_BYTES, TRANSFORMS
from million_ird.key_sorted import KeySorted

PAIR_SCHEMA = pa.schema(
    [
        ("first", pa.int64()),  # row of the table that was searched; always less than `second`
        ("second", pa.int64()),
        ("kind", pa.string()),  # bytes, pixels, near or crop
        ("distance", pa.int16()),  # bits between the hashes; 0 for bytes and pixels, -1 for crops
        ("transform", pa.string()),  # what turns the second picture into the first
    ]
)
"""Candidates. Pairs of kind `bytes` and `pixels` are duplicates as they are; the others wait for `verify_pair`."""


def candidate_pairs(images: KeySorted, settings: DuplicateSettings) -> pa.Table:
    """Candidate pairs of a table of images, as `PAIR_SCHEMA`, sorted by (first, second).

    Equal bytes, equal pixels and equal hashes are joined in a star around the first row, so that n copies make n - 1
    pairs; of a set with equal pixels only the first row takes part in the near search.

    In memory are 41 bytes an image at most: its perceptual hash (32), its place in the band at work (8) and whether it
    takes part (1); besides, about 300 bytes for each pair.

    Args:
        images: columns `sha256`, `pixel_hash` (hexadecimal digits, "" if unknown) and `phash` (32 bytes each).

    Raises:
        ValueError: a hash is null, not 32 bytes long or not hexadecimal.
    """
    by_bytes = equal_strings(images, "sha256")
    by_pixels = equal_strings(images, "pixel_hash")
    takes_part = np.ones(images.rows, bool)
    takes_part[by_bytes[1]] = False
    new = takes_part[by_pixels[1]]
    takes_part[by_pixels[1]] = False
    near = near_pairs(_hashes(images), settings, takes_part)
    tables = [
        _exact_table(*by_bytes, "bytes"),
        _exact_table(by_pixels[0][new], by_pixels[1][new], "pixels"),
        _pair_table(near, "near"),
    ]
    return pa.concat_tables(tables).sort_by([("first", "ascending"), ("second", "ascending")]).combine_chunks()


def _hashes(images: KeySorted) -> NDArray[np.uint8]:
    """The perceptual hashes of all images: (N, 32)."""
    hashes = np.empty((images.rows, HASH_BYTES), np.uint8)
    start = 0
    for batch in images.batches(["phash"]):
        column = batch["phash"]
        lengths = pc.min_max(pc.binary_length(column)).as_py()
        if column.null_count or (len(column) and (lengths["min"], lengths["max"]) != (HASH_BYTES, HASH_BYTES)):
            raise ValueError(f"every phash must hold {HASH_BYTES} bytes")
        values = np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(-1, HASH_BYTES)
        hashes[start : start + len(values)] = values
        start += len(values)
    return hashes


def _exact_table(first: NDArray[np.int64], second: NDArray[np.int64], kind: str) -> pa.Table:
    return _pair_table(Pairs(first, second, np.zeros(len(first), np.int16), np.zeros(len(first), np.int8)), kind)


def _pair_table(pairs: Pairs, kind: str) -> pa.Table:
    kinds, transforms = pa.repeat(kind, len(pairs.first)), pa.array(TRANSFORMS).take(pa.array(pairs.transform))
    return pa.table([pairs.first, pairs.second, kinds, pairs.distance, transforms], schema=PAIR_SCHEMA)
