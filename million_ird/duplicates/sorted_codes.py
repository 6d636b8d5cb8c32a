"""Sorted numbers that begin with what is compared, and end with whose it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def whole_groups(codes: NDArray[np.uint64], below: np.uint64, count: int) -> Iterator[NDArray[np.uint64]]:
    """Sorted codes about `count` at a time, never some of a group without the others.

    Args:
        below: the bits that tell the members of a group apart, all set; those above are equal within it.
    """
    start = 0
    while start < len(codes):
        last = codes[min(start + count, len(codes)) - 1] | below
        end = int(np.searchsorted(codes, last, side="right"))
        yield codes[start:end]
        start = end
