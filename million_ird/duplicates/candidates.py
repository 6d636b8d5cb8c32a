"""Pairs of images that may be one picture, found through their hashes without comparing everything with everything.

Equal bytes and equal pixels are equal strings. Near pairs share a *band*: twenty low-frequency bits of the perceptual
hash. The bits of a band are closed under transposition, so all eight turns and mirrors of a picture read their bands
from the same bits, and the smallest of the eight readings is one key for all of them. Bands are sorted; neighbours
with equal keys are compared on all 256 bits. The work is bounded by images × bands × bucket, whatever the hashes are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from million_ird.duplicates.settings import DuplicateSettings
from million_ird.fingerprint import (
    GRID,
    HASH_BYTES,
    TRANSFORMS,
    Transform,
    as_bits,
    compose,
    inverse,
    is_transposing,
    sign_changes,
)

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

_WORDS = HASH_BYTES // 8
_CHUNK = 1 << 17
_HIGHEST_FREQUENCY = 10


class _Pairs(NamedTuple):
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int16]
    transform: NDArray[np.int8]


def candidate_pairs(images: pa.Table, settings: DuplicateSettings) -> pa.Table:
    """Candidate pairs of a table of images, as `PAIR_SCHEMA`, sorted by (first, second).

    Equal bytes, equal pixels and equal hashes are joined in a star around the first row, so that n copies make n - 1
    pairs; of a set with equal pixels only the first row takes part in the near search.

    Args:
        images: columns `sha256`, `pixel_hash` (strings) and `phash` (32 bytes each), in key order: the result is a
            function of the rows and their order.

    Raises:
        ValueError: a hash is null or not 32 bytes long.
    """
    hashes = _hash_array(images.column("phash"))
    by_bytes = _first_equal(images.column("sha256"))
    by_pixels = _first_equal(images.column("pixel_hash"))
    rows = np.arange(len(hashes))
    alone = np.flatnonzero((by_bytes == rows) & (by_pixels == rows))
    near = near_pairs(hashes[alone], settings)
    same_pixels = (by_bytes == rows) & (by_pixels != rows)
    tables = [
        _exact_table(by_bytes, by_bytes != rows, "bytes"),
        _exact_table(by_pixels, same_pixels, "pixels"),
        _pair_table(
            alone[near.first], alone[near.second], "near", near.distance, [TRANSFORMS[t] for t in near.transform]
        ),
    ]
    return pa.concat_tables(tables).sort_by([("first", "ascending"), ("second", "ascending")]).combine_chunks()


def near_pairs(hashes: NDArray[np.uint8], settings: DuplicateSettings) -> _Pairs:
    """Pairs of hashes (N, 32) uint8 at most `max_distance` bits apart under one of the eight transforms."""
    count = len(hashes)
    packed = _pack_words(hashes)
    turned = _pack_words(_transposed(hashes))
    found = [_equal_hashes(packed, turned)]
    # Of equal hashes one takes part in the search; the star joins the rest.
    is_copy = np.zeros(count, bool)
    is_copy[found[0].second] = True
    alone = np.flatnonzero(~is_copy)
    packed, turned, hashes = packed[alone], turned[alone], hashes[alone]
    for cells in _band_cells(settings.bands, settings.band_bits):
        keys, which = _band_keys(hashes, cells)
        pairs = _pairs_of_band(keys, which, packed, turned, settings)
        found.append(pairs._replace(first=alone[pairs.first], second=alone[pairs.second]))
    return _unique(_Pairs(*(np.concatenate(column) for column in zip(*found, strict=True))), count)


def _hash_array(column: pa.ChunkedArray) -> NDArray[np.uint8]:
    lengths = pc.min_max(pc.binary_length(column)).as_py()
    if column.null_count or (len(column) and (lengths["min"], lengths["max"]) != (HASH_BYTES, HASH_BYTES)):
        raise ValueError(f"every phash must hold {HASH_BYTES} bytes")
    chunks = [np.frombuffer(b"".join(chunk.to_pylist()), np.uint8) for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.uint8), *chunks]).reshape(-1, HASH_BYTES)


def _first_equal(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """For every row the first row with the same string; an empty string or null equals nothing but itself."""
    codes = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    indices = codes.indices.to_numpy(zero_copy_only=False)
    firsts = np.full(len(codes.dictionary), len(indices), np.int64)
    np.minimum.at(firsts, indices, np.arange(len(indices)))
    unknown = pc.equal(codes.dictionary, "").to_numpy(zero_copy_only=False)
    return np.where(unknown[indices], np.arange(len(indices)), firsts[indices]) if len(indices) else firsts


def _pack_words(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(hashes).view(np.uint64)


def _transposed(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    turned = np.empty_like(hashes)
    for start in range(0, len(hashes), _CHUNK):
        bits = as_bits(hashes[start : start + _CHUNK])
        turned[start : start + _CHUNK] = np.packbits(bits.swapaxes(-1, -2).reshape(-1, GRID * GRID), axis=-1)
    return turned


def _masks() -> NDArray[np.uint64]:
    """What to flip in a packed hash (after its transposition) for each transform: (8, 4)."""
    return _pack_words(np.stack([np.packbits(sign_changes(t)) for t in TRANSFORMS]))


_TRANSPOSING = np.array([is_transposing(t) for t in TRANSFORMS])


def _oriented(packed: NDArray[np.uint64], turned: NDArray[np.uint64], which: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Every hash under its own transform, a number in `TRANSFORMS`."""
    return np.where(_TRANSPOSING[which][:, None], turned, packed) ^ _masks()[which]


def _equal_hashes(packed: NDArray[np.uint64], turned: NDArray[np.uint64]) -> _Pairs:
    """Stars of hashes that are equal under a transform."""
    best = packed.copy()
    which = np.zeros(len(packed), np.int8)
    for number in range(1, len(TRANSFORMS)):
        other = _oriented(packed, turned, np.full(len(packed), number, np.int8))
        smaller = _lexically_less(other, best)
        best[smaller], which[smaller] = other[smaller], number
    order = np.lexsort((np.arange(len(best)), *best.T[::-1]))
    same = np.flatnonzero((best[order[1:]] == best[order[:-1]]).all(axis=1)) + 1
    is_start = np.ones(len(order), bool)
    is_start[same] = False
    starts = np.maximum.accumulate(np.where(is_start, np.arange(len(order)), 0))
    first, second = order[starts[same]], order[same]
    return _Pairs(first, second, np.zeros(len(same), np.int16), _relation(which[first], which[second]))


def _lexically_less(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.bool_]:
    less = np.zeros(len(a), bool)
    for word in reversed(range(_WORDS)):
        less = (a[:, word] < b[:, word]) | ((a[:, word] == b[:, word]) & less)
    return less


_RELATIONS = np.array([[TRANSFORMS.index(compose(inverse(a), b)) for b in TRANSFORMS] for a in TRANSFORMS], np.int8)


def _relation(first: NDArray[np.int8], second: NDArray[np.int8]) -> NDArray[np.int8]:
    """What turns the second picture into the first, if `first` and `second` bring them to the same view."""
    return _RELATIONS[first, second]


def _band_cells(bands: int, band_bits: int) -> list[NDArray[np.int64]]:
    """The bits of each band: (band_bits, 2) frequencies, closed under transposition, low ones more often.

    Drawn once and for all from a fixed seed: bands are part of what "candidate" means.
    """
    random = np.random.Generator(np.random.PCG64(20_240_601))
    top = _HIGHEST_FREQUENCY
    cells = [(u, v) for u in range(top) for v in range(u, top) if 0 < u + v <= top]
    weights = np.array([4 / (4 + u + v) for u, v in cells])
    result = []
    for _ in range(bands):
        band: list[tuple[int, int]] = []
        for number in random.choice(len(cells), len(cells), replace=False, p=weights / weights.sum()):
            u, v = cells[number]
            if len(band) + (1 if u == v else 2) <= band_bits:
                band += [(u, v)] if u == v else [(u, v), (v, u)]
        result.append(np.array(sorted(band)))
    return result


def _band_keys(hashes: NDArray[np.uint8], cells: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int8]]:
    """The smallest of the eight readings of a band, and which transform gives it."""
    places = {(int(u), int(v)): bit for bit, (u, v) in enumerate(cells)}
    swap = [places[int(v), int(u)] for u, v in cells]
    masks = [sign_changes(t)[cells[:, 0], cells[:, 1]].astype(np.uint32) for t in TRANSFORMS]
    weights = np.uint32(1) << np.arange(len(cells), dtype=np.uint32)
    flips = np.array([(mask * weights).sum(dtype=np.uint32) for mask in masks], np.uint32)
    positions = cells[:, 0] * GRID + cells[:, 1]
    plain = np.zeros(len(hashes), np.uint32)
    turned = np.zeros(len(hashes), np.uint32)
    for bit, position in enumerate(positions):
        column = (hashes[:, position // 8] >> np.uint8(7 - position % 8)) & np.uint8(1)
        plain |= column.astype(np.uint32) << np.uint32(bit)
        turned |= column.astype(np.uint32) << np.uint32(swap[bit])
    readings = np.stack([(turned if _TRANSPOSING[t] else plain) ^ flips[t] for t in range(len(TRANSFORMS))])
    which = readings.argmin(axis=0)
    return readings[which, np.arange(len(hashes))], which.astype(np.int8)


def _pairs_of_band(
    keys: NDArray[np.uint32],
    which: NDArray[np.int8],
    packed: NDArray[np.uint64],
    turned: NDArray[np.uint64],
    settings: DuplicateSettings,
) -> _Pairs:
    """Compare every image with the `bucket` ones that follow it among equal keys."""
    oriented = _oriented(packed, turned, which)
    order = np.lexsort((oriented[:, 0], keys))  # in crowded buckets, alike hashes stand together
    keys, oriented, which = keys[order], oriented[order], which[order]
    found: list[_Pairs] = []
    places = np.arange(len(keys))
    for step in range(1, settings.bucket + 1):
        places = places[places + step < len(keys)]
        places = places[keys[places] == keys[places + step]]
        if not len(places):
            break
        for start in range(0, len(places), _CHUNK):
            left = places[start : start + _CHUNK]
            right = left + step
            bits = np.bitwise_count(oriented[left] ^ oriented[right]).sum(axis=1, dtype=np.int16)
            near = np.flatnonzero(bits <= settings.max_distance)
            if len(near):
                left, right = left[near], right[near]
                pair = _Pairs(order[left], order[right], bits[near], _relation(which[left], which[right]))
                found.append(pair)
    empty = np.empty(0, np.int64)
    found.append(_Pairs(empty, empty, empty.astype(np.int16), empty.astype(np.int8)))
    return _Pairs(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _unique(pairs: _Pairs, count: int) -> _Pairs:
    """Each pair once, smaller row first, at its smallest distance (then by the order of `TRANSFORMS`)."""
    swapped = pairs.first > pairs.second
    inverses = np.array([TRANSFORMS.index(inverse(t)) for t in TRANSFORMS], np.int8)
    first = np.where(swapped, pairs.second, pairs.first)
    second = np.where(swapped, pairs.first, pairs.second)
    transform = np.where(swapped, inverses[pairs.transform], pairs.transform)
    code = first * count + second
    order = np.lexsort((transform, pairs.distance, code))
    code = code[order]
    keep = order[np.r_[True, code[1:] != code[:-1]][: len(code)]]
    return _Pairs(first[keep], second[keep], pairs.distance[keep], transform[keep])


def _exact_table(firsts: NDArray[np.int64], chosen: NDArray[np.bool_], kind: str) -> pa.Table:
    second = np.flatnonzero(chosen)
    zeros = np.zeros(len(second), np.int16)
    return _pair_table(firsts[second], second, kind, zeros, ["identity"] * len(second))


def _pair_table(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    kind: str,
    distance: NDArray[np.int16],
    transforms: list[Transform] | list[str],
) -> pa.Table:
    kinds = pa.repeat(kind, len(first))
    return pa.table([first, second, kinds, distance, pa.array(transforms, pa.string())], schema=PAIR_SCHEMA)
