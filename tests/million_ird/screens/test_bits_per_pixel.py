from __future__ import annotations

from collections.abc import Callable

import numpy as np

from million_ird.screens import Photo
from million_ird.screens.bits_per_pixel import bits_per_pixel


def test_counts_the_whole_file(photo_from_pixels: Callable[[np.ndarray], Photo]) -> None:
    photo = photo_from_pixels(np.zeros((40, 50), np.uint8))  # a file of 1000 bytes
    assert bits_per_pixel(photo) == 4.0
