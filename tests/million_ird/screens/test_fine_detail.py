from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.fine_detail import fine_detail

MakePhoto = Callable[[np.ndarray], Photo]


def waves(frequency: float, side: int = 256) -> np.ndarray:
    """Diagonal waves of the given radial frequency (1 = Nyquist)."""
    y, x = np.mgrid[:side, :side]
    return np.asarray(128 + 100 * np.sin(np.pi * frequency * (x + y) / np.sqrt(2)), np.uint8)


def test_only_the_finest_octave_counts(photo_from_pixels: MakePhoto) -> None:
    assert fine_detail(photo_from_pixels(waves(0.7))) == pytest.approx(0, abs=0.1)
    assert fine_detail(photo_from_pixels(waves(0.3))) < -30


def test_contrast_cancels(photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]) -> None:
    clean = wheel_photo("coffee")
    faint = (clean // 2 + 64).astype(np.uint8)
    assert fine_detail(photo_from_pixels(faint)) == pytest.approx(fine_detail(photo_from_pixels(clean)), abs=0.5)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "astronaut", "china"])
def test_tells_an_enlarged_picture(
    name: str, photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]
) -> None:
    clean = wheel_photo(name)
    small = cv2.resize(clean, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, clean.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    assert fine_detail(photo_from_pixels(clean)) > -25 > fine_detail(photo_from_pixels(enlarged))


def test_a_picture_without_detail_has_the_floor(photo_from_pixels: MakePhoto) -> None:
    assert fine_detail(photo_from_pixels(np.full((300, 300), 77, np.uint8))) == -60
    assert fine_detail(photo_from_pixels(np.zeros((1, 1), np.uint8))) == -60
