from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.equal_neighbours import equal_neighbours

MakePhoto = Callable[[np.ndarray], Photo]


def test_counts_pixels_equal_to_right_and_below(photo_from_pixels: MakePhoto) -> None:
    luma = np.full((5, 5), 9, np.uint8)
    assert equal_neighbours(photo_from_pixels(luma)) == 1
    luma[2, 2] = 50  # differs itself, and from the pixels left of it and above it
    assert equal_neighbours(photo_from_pixels(luma)) == pytest.approx(13 / 16)
    assert equal_neighbours(photo_from_pixels(np.zeros((1, 9), np.uint8))) == 0


def test_tells_a_drawing_from_a_photograph(
    photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]
) -> None:
    y, x = np.mgrid[:400, :400]
    drawing = ((x // 80 + y // 60) % 5 * 50).astype(np.uint8)
    assert equal_neighbours(photo_from_pixels(drawing)) > 0.9
    assert equal_neighbours(photo_from_pixels(wheel_photo("coffee"))) < 0.3
