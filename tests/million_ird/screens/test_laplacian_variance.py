from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.laplacian_variance import laplacian_variance

MakePhoto = Callable[[np.ndarray], Photo]


@pytest.mark.parametrize("shape", [(1, 40), (31, 50), (32, 50), (33, 50), (500, 700)])
def test_bands_give_the_variance_of_the_whole(photo_from_pixels: MakePhoto, shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    expected = cv2.Laplacian(luma, cv2.CV_64F).var()
    assert laplacian_variance(photo_from_pixels(luma)) == pytest.approx(expected, rel=1e-9)


def test_some_bands_stand_for_a_large_image(photo_from_pixels: MakePhoto) -> None:
    luma = np.random.default_rng(0).integers(0, 256, (2100, 2800), np.uint8)
    expected = cv2.Laplacian(luma, cv2.CV_64F).var()
    assert laplacian_variance(photo_from_pixels(luma)) == pytest.approx(expected, rel=0.01)


def test_blur_lowers_it(photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]) -> None:
    clean = wheel_photo("chelsea")
    blurred = cv2.GaussianBlur(clean, (0, 0), 3)
    assert laplacian_variance(photo_from_pixels(blurred)) < laplacian_variance(photo_from_pixels(clean)) / 10
