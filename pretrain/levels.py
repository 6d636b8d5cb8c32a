"""A picture as it is stored, in levels 0 … 255, and as networks see it, in numbers from 0 to 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import DatasetError
from pretrain.images import Pixels

Picture = NDArray[np.float32]
"""(H, W, 3) RGB, 0 to 1; beyond that where noise is not clipped, or as a network gave it."""


_ROWS = 256
"""Of a picture that are turned into levels at a time: large pictures leave no memory for copies of theirs."""


def to_unit(levels: NDArray[Any]) -> Picture:
    """Levels 0 … 255, of any type and shape, as float32 in [0, 1]."""
    return np.asarray(levels, np.float32) / np.float32(255)


def to_pixels(picture: Picture) -> Pixels:
    """Floats 0 to 1 → uint8 0 to 255, rounded; what lies outside is clipped.

    Raises:
        DatasetError: numbers that are not finite, as a network with damaged weights gives.
    """
    pixels = np.empty(picture.shape, np.uint8)
    for start in range(0, len(picture), _ROWS):
        rows = slice(start, start + _ROWS)
        if not np.isfinite(picture[rows]).all():
            raise DatasetError("the network gives numbers that are not finite: its weights are damaged or diverged")
        pixels[rows] = np.rint(picture[rows].clip(0.0, 1.0) * 255.0)
    return pixels
