"""Pairs of perceptual hashes that are alike, found without comparing everything with everything.

Near pairs share a *band*: twenty low-frequency bits of the hash. The bits of a band are closed under transposition, so
all eight turns and mirrors of a picture read their bands from the same bits, and the smallest of the eight readings is
one key for all of them. Bands are sorted; neighbours with equal keys are compared on all 256 bits. The work is bounded
by images × bands × bucket, whatever the hashes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from million_ird.duplicates.equal import repeated
from million_ird.duplicates.settings import DuplicateSettings
from million_ird.duplicates.sorted_codes import whole_groups
from million_ird.fingerprint import (
    GRID,
    HASH_BYTES,
    TRANSFORMS,
    as_bits,
    compose,
    inverse,
    is_transposing,
    sign_changes,
)
from million_ird.order import mix_array

_WORDS = HASH_BYTES // 8
_CHUNK = 1 << 14
"""Rows looked at together: what they need for a moment is some ten megabytes."""
_HIGHEST_FREQUENCY = 10
_KEY_SHIFT, _ROW_SHIFT = np.uint64(34), np.uint64(3)
"""Where key (at most 30 bits) and row (31) stand in a code; a transform (3) is below them."""
_BELOW_KEY = (np.uint64(1) << _KEY_SHIFT) - np.uint64(1)


class Pairs(NamedTuple):
    """The columns of `PAIR_SCHEMA` without the kind, (n,) each; transforms are numbers in `TRANSFORMS`."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int16]
    transform: NDArray[np.int8]


_NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int16), np.empty(0, np.int8))


def near_pairs(
    hashes: NDArray[np.uint8], settings: DuplicateSettings, takes_part: NDArray[np.bool_] | None = None
) -> Pairs:
    """Pairs of hashes (N, 32) uint8 at most `max_distance` bits apart under one of the eight transforms.

    N is less than 2^31. Hashes for which `takes_part` (N,) is False are left out.
    """
    # Of equal hashes one takes part in the search; the star joins the rest.
    searched = np.ones(len(hashes), bool) if takes_part is None else takes_part.copy()
    found = _equal_hashes(hashes, searched)
    searched[found.second] = False
    codes = np.empty(np.count_nonzero(searched), np.uint64)
    for cells in _band_cells(settings.bands, settings.band_bits):
        _fill_codes(codes, hashes, searched, cells)
        of_band = [_pairs_of_keys(part, hashes, settings) for part in whole_groups(codes, _BELOW_KEY, _CHUNK)]
        found = _unique(_joined([found, *of_band]), len(hashes))
    return found


def _pack_words(hashes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(hashes).view(np.uint64)


def _transposed(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.packbits(as_bits(hashes).swapaxes(-1, -2).reshape(-1, GRID * GRID), axis=-1)


def _masks() -> NDArray[np.uint64]:
    """What to flip in a packed hash (after its transposition) for each transform: (8, 4)."""
    return _pack_words(np.stack([np.packbits(sign_changes(t)) for t in TRANSFORMS]))


_TRANSPOSING = np.array([is_transposing(t) for t in TRANSFORMS])


def _oriented(hashes: NDArray[np.uint8], which: NDArray[np.int8]) -> NDArray[np.uint64]:
    """Every hash (n, 32) packed (n, 4) under its own transform, a number in `TRANSFORMS`."""
    packed = _pack_words(hashes).copy()
    turned = np.flatnonzero(_TRANSPOSING[which])
    packed[turned] = _pack_words(_transposed(hashes[turned]))
    return packed ^ _masks()[which]


def _equal_hashes(hashes: NDArray[np.uint8], searched: NDArray[np.bool_]) -> Pairs:
    """Stars of hashes that are equal under a transform."""
    digests = np.zeros(len(hashes), np.uint64)
    for rows in _chunks(searched):
        mixed = np.zeros(len(rows), np.uint64)
        for word in _least_view(hashes[rows])[0].T:
            mixed = mix_array(mixed + word)
        digests[rows] = mixed | np.uint64(1)
    rows = repeated(digests)
    best, which = _least_view(hashes[rows])
    order = np.lexsort((np.arange(len(best)), *best.T[::-1]))
    same = np.flatnonzero((best[order[1:]] == best[order[:-1]]).all(axis=1)) + 1
    is_start = np.ones(len(order), bool)
    is_start[same] = False
    starts = np.maximum.accumulate(np.where(is_start, np.arange(len(order)), 0))
    first, second = order[starts[same]], order[same]
    return Pairs(rows[first], rows[second], np.zeros(len(same), np.int16), _relation(which[first], which[second]))


def _chunks(searched: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """The numbers of the rows that are searched, some at a time."""
    for start in range(0, len(searched), _CHUNK):
        yield start + np.flatnonzero(searched[start : start + _CHUNK])


def _least_view(hashes: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.int8]]:
    """The smallest of the eight views of each hash, packed (n, 4), and the transform that gives it."""
    packed, turned, masks = _pack_words(hashes), _pack_words(_transposed(hashes)), _masks()
    best = packed.copy()
    which = np.zeros(len(packed), np.int8)
    for number in range(1, len(TRANSFORMS)):
        other = (turned if _TRANSPOSING[number] else packed) ^ masks[number]
        smaller = _lexically_less(other, best)
        best[smaller], which[smaller] = other[smaller], number
    return best, which


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


def _fill_codes(
    codes: NDArray[np.uint64], hashes: NDArray[np.uint8], searched: NDArray[np.bool_], cells: NDArray[np.int64]
) -> None:
    """Key of the band, row and transform of each hash that is searched, in one number each, sorted."""
    start = 0
    for rows in _chunks(searched):
        keys, which = _band_keys(hashes[rows], cells)
        part = keys.astype(np.uint64) << _KEY_SHIFT | rows.astype(np.uint64) << _ROW_SHIFT | which.astype(np.uint64)
        codes[start : start + len(rows)] = part
        start += len(rows)
    codes.sort()


def _pairs_of_keys(codes: NDArray[np.uint64], hashes: NDArray[np.uint8], settings: DuplicateSettings) -> Pairs:
    """Compare every image with the `bucket` ones that follow it among equal keys."""
    keys = codes >> _KEY_SHIFT
    equal = np.r_[False, keys[1:] == keys[:-1], False]
    shared = equal[1:] | equal[:-1]
    codes, keys = codes[shared], keys[shared]
    rows = ((codes & _BELOW_KEY) >> _ROW_SHIFT).astype(np.int64)
    which = (codes & np.uint64(7)).astype(np.int8)
    oriented = _oriented(hashes[rows], which)
    order = np.lexsort((oriented[:, 0], keys))  # in crowded buckets, alike hashes stand together
    keys, oriented, which, rows = keys[order], oriented[order], which[order], rows[order]
    found = [_NO_PAIRS]
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
            left, right = left[near], right[near]
            found.append(Pairs(rows[left], rows[right], bits[near], _relation(which[left], which[right])))
    return _joined(found)


def _joined(pairs: list[Pairs]) -> Pairs:
    return Pairs(*(np.concatenate(column) for column in zip(*pairs, strict=True)))


def _unique(pairs: Pairs, count: int) -> Pairs:
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
    return Pairs(first[keep], second[keep], pairs.distance[keep], transform[keep])
