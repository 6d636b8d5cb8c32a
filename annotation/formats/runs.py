"""Run lengths of masks: how many pixels are sharp, then how many are blurred, and so on; the first may be 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from annotation.mask import MAX_PIXELS, Mask, MaskError

Counts = NDArray[np.int64]


def counts_of(flat: NDArray[np.bool_]) -> Counts:
    """Run lengths of a flattened mask, (N,); they add up to N, and the first is 0 where pixel 0 is blurred."""
    if not flat.size:
        return np.zeros(0, np.int64)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate(([0], changes, [flat.size])))
    return np.concatenate(([0], counts)) if flat[0] else counts


def flat_of(counts: Counts, length: int) -> Mask:
    """The flattened mask, (length,), of some run lengths.

    Raises:
        MaskError: a negative run, or runs that do not add up to `length`.
    """
    if length > MAX_PIXELS:
        raise MaskError(f"a mask of {length:,} pixels is larger than the {MAX_PIXELS:,} that it may have")
    if counts.size and int(counts.min()) < 0:
        raise MaskError(f"a run of {int(counts.min())} pixels cannot be")
    # Each is at most `length` before they are added, so that the sum cannot run over.
    total = int(counts.sum()) if not counts.size or int(counts.max()) <= length else -1
    if total != length:
        raise MaskError(f"its runs do not add up to the {length:,} pixels of its size")
    return np.repeat(np.arange(counts.size) % 2 == 1, counts)


def whole_counts(values: object) -> Counts:
    """A list from a file as run lengths.

    Raises:
        MaskError: no list of whole numbers of up to 2^53.
    """
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise MaskError("its runs are no list of numbers")
    if any(type(value) is not int or not -(1 << 53) < value < 1 << 53 for value in values):
        raise MaskError("its runs are not all whole numbers")
    return np.array(values, np.int64)
