"""Images that share several keypoints, found among all of them: candidates for `crops.verify_crop`.

Every code of every keypoint is one number, with its image and its reading in the lower bits. Sorted, equal codes are
neighbours; a common code is compared with a bounded number of them: never everything with everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from million_ird.duplicates.candidates import PAIR_SCHEMA
from million_ird.duplicates.settings import DuplicateSettings
from million_ird.duplicates.sorted_codes import whole_groups

_PLAIN, _MIRRORED, _TURNED = range(3)
_READINGS = np.array([_PLAIN, _MIRRORED, _TURNED, _TURNED], np.uint64)
"""What the four codes of a keypoint are (see `crops.crop_features`)."""
_CODE_SHIFT, _IMAGE_SHIFT = np.uint64(36), np.uint64(2)
"""Where a code (28 bits) and an image (34) stand in a posting; a reading (2) is below them."""
_BELOW_CODE = (np.uint64(1) << _CODE_SHIFT) - np.uint64(1)
_CHUNK = 1 << 16
"""Postings looked at together."""
_VOTES = 1 << 24
"""Votes counted together: 8 bytes each, and a few times that while they are sorted."""


def crop_pairs(features: Iterable[bytes], settings: DuplicateSettings) -> pa.Table:
    """Pairs of rows that share at least `crop_votes` keypoints, as `PAIR_SCHEMA` (kind `crop`, distance -1), sorted.

    `transform` is `mirror` where more mirrored keypoints matched than plain ones, else `identity`; `verify_crop` finds
    the true one. In memory are 32 bytes a keypoint (2 kB an image of 64), twice that while they are gathered. The votes
    are counted in as many passes over them as their number asks for: it grows with the square of the images until
    every code is shared by `crop_bucket` of them.

    Args:
        features: `crop_features` of every image.
    """
    postings, images = _postings(features)
    of_image = np.zeros(images, np.int64)
    for votes in _votes(postings, images, settings):
        of_image += np.bincount(votes // 2 // max(images, 1), minlength=images)
    found = [PAIR_SCHEMA.empty_table()]
    for first, last in _ranges(of_image):
        low, high = 2 * first * images, 2 * last * images
        chosen = [votes[(votes >= low) & (votes < high)] for votes in _votes(postings, images, settings)]
        pair, count = np.unique(np.concatenate([np.empty(0, np.int64), *chosen]), return_counts=True)
        enough = count >= settings.crop_votes
        found.append(_voted(pair[enough], count[enough], images))
    return pa.concat_tables(found)


def _postings(features: Iterable[bytes]) -> tuple[NDArray[np.uint64], int]:
    """Code, image and reading of all keypoints, sorted, and how many images there were; what repeats within an image
    (windows of a house) stands once."""
    parts, images = [np.empty(0, np.uint64)], 0
    waiting = iter(features)
    while some := list(islice(waiting, 1024)):
        codes = np.frombuffer(b"".join(some), "<u4").astype(np.uint64).reshape(-1, len(_READINGS))
        lengths = [len(each) // (4 * len(_READINGS)) for each in some]
        image = np.repeat(np.arange(images, images + len(some), dtype=np.uint64), lengths)
        parts.append((codes << _CODE_SHIFT | image[:, None] << _IMAGE_SHIFT | _READINGS).ravel())
        images += len(some)
    postings = np.concatenate(parts)
    del parts
    postings.sort()
    return _without_repeats(postings), images


def _without_repeats(postings: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sorted numbers, each once, in the place of those given."""
    end = 0
    for start in range(0, len(postings), _CHUNK):
        part = postings[start : start + _CHUNK]
        fresh = part[np.r_[end == 0 or part[0] != postings[end - 1], part[1:] != part[:-1]]]
        postings[end : end + len(fresh)] = fresh
        end += len(fresh)
    return postings[:end]


def _votes(postings: NDArray[np.uint64], images: int, settings: DuplicateSettings) -> Iterator[NDArray[np.int64]]:
    """Some votes at a time: for every two images that share a code, 2 · (first · images + second) + is mirrored."""
    for part in whole_groups(postings, _BELOW_CODE, _CHUNK):
        code, reading = part >> _CODE_SHIFT, part & np.uint64(3)
        image = ((part & _BELOW_CODE) >> _IMAGE_SHIFT).astype(np.int64)
        places = np.arange(len(part))
        for step in range(1, settings.crop_bucket + 1):
            places = places[places + step < len(part)]
            places = places[code[places] == code[places + step]]
            if not len(places):
                break
            first, second = image[places], image[places + step]
            readings = np.stack([reading[places], reading[places + step]])
            handed = (readings == _MIRRORED).any(axis=0)
            useful = (first != second) & (readings == _PLAIN).any(axis=0)  # else one keypoint would vote several times
            pair = np.minimum(first, second) * images + np.maximum(first, second)
            yield (pair * 2 + handed)[useful]


def _ranges(votes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """(first, last) of the images whose votes are counted together."""
    ends = np.cumsum(votes)
    first = done = 0
    while first < len(votes):
        last = max(first + 1, int(np.searchsorted(ends, done + _VOTES, side="right")))
        yield first, last
        first, done = last, int(ends[last - 1])


def _voted(pair: NDArray[np.int64], count: NDArray[np.int64], images: int) -> pa.Table:
    """One row per pair: the handedness with more votes."""
    order = np.lexsort((pair % 2, -count, pair // 2))
    pair = pair[order]
    pair = pair[np.r_[True, pair[1:] // 2 != pair[:-1] // 2][: len(pair)]]
    first, second = np.divmod(pair // 2, max(images, 1))
    transforms = pa.array(["mirror" if handed else "identity" for handed in pair % 2], pa.string())
    kinds, distances = pa.repeat("crop", len(pair)), np.full(len(pair), -1, np.int16)
    return pa.table([first, second, kinds, distances, transforms], schema=PAIR_SCHEMA)
