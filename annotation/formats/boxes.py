"""The box around what is blurred, for formats that store only what is inside of it."""

from __future__ import annotations

import numpy as np

from annotation.mask import Mask

Box = tuple[int, int, int, int]
"""left, top, width, height in pixels."""


def box_of(mask: Mask) -> Box:
    """The smallest box around what is blurred; zeros where nothing is."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not columns.size:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1


def storable_box(mask: Mask) -> Box:
    """The same, but the first pixel where nothing is blurred: an empty mask then has a shape that says so, and differs
    from an image that nobody has looked at."""
    return box_of(mask) if mask.any() else (0, 0, 1, 1)
