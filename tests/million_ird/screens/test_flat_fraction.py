from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from million_ird import flatness
from million_ird.patches import PatchSettings
from million_ird.screens import Photo
from million_ird.screens.flat_fraction import flat_fraction

MakePhoto = Callable[[np.ndarray], Photo]


def test_is_the_measure_of_the_patches(photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]) -> None:
    photo = photo_from_pixels(wheel_photo("rocket"))
    variance = flatness.block_variance_from_pixels(photo.luma)
    assert flat_fraction(photo) == flatness.flat_fraction(variance, PatchSettings().flat_variance)


def test_half_flat(photo_from_pixels: MakePhoto) -> None:
    luma = np.full((64, 64), 100, np.uint8)
    luma[:, 32:] = np.random.default_rng(0).integers(0, 256, (64, 32))
    assert flat_fraction(photo_from_pixels(luma)) == pytest.approx(0.5)
