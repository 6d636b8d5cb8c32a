from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.histogram import clipped_fraction, entropy

MakePhoto = Callable[[np.ndarray], Photo]


def test_entropy_of_known_histograms(photo_from_pixels: MakePhoto) -> None:
    assert entropy(photo_from_pixels(np.full((50, 50), 3, np.uint8))) == 0
    halves = np.repeat(np.array([[10, 200]], np.uint8), 50, axis=0)
    assert entropy(photo_from_pixels(halves)) == pytest.approx(1)
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert entropy(photo_from_pixels(every)) == pytest.approx(8)


def test_entropy_of_a_sample_is_that_of_the_image(
    photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]
) -> None:
    photo = photo_from_pixels(wheel_photo("retina"))
    share = np.bincount(photo.luma.ravel(), minlength=256) / photo.luma.size
    share = share[share > 0]
    assert entropy(photo) == pytest.approx(float(-(share * np.log2(share)).sum()), abs=0.01)


def test_clipped_fraction_counts_both_ends(photo_from_pixels: MakePhoto) -> None:
    levels = np.array([[0, 1, 2, 128, 253, 254, 255, 100]], np.uint8)
    assert clipped_fraction(photo_from_pixels(levels)) == 0.5
