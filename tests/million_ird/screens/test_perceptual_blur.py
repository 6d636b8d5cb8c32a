from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from skimage.measure import blur_effect

from million_ird.screens import Photo
from million_ird.screens.perceptual_blur import perceptual_blur

MakePhoto = Callable[[np.ndarray], Photo]


def test_is_scikit_images_measure(photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]) -> None:
    photo = photo_from_pixels(wheel_photo("chelsea"))
    assert perceptual_blur(photo) == pytest.approx(blur_effect(photo.luma))


def test_grows_with_blur(photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]) -> None:
    clean = wheel_photo("retina")  # large enough to be measured on windows
    values = [perceptual_blur(photo_from_pixels(clean))]
    values += [perceptual_blur(photo_from_pixels(cv2.GaussianBlur(clean, (0, 0), sigma))) for sigma in (1, 2, 4)]
    assert values == sorted(values, key=float)  # type: ignore[arg-type]


def test_one_single_grey_has_no_number(photo_from_pixels: MakePhoto) -> None:
    assert perceptual_blur(photo_from_pixels(np.full((300, 300), 5, np.uint8))) is None
    assert perceptual_blur(photo_from_pixels(np.zeros((20, 300), np.uint8))) is None
