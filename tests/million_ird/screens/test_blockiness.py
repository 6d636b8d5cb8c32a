from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.blockiness import blockiness

MakePhoto = Callable[[np.ndarray], Photo]


def definition(luma: np.ndarray) -> float:
    """The formula of the docstring, block by block, with OpenCV's transform."""

    def variation(image: np.ndarray) -> np.ndarray:
        rows, columns = image.shape[0] // 8, image.shape[1] // 8
        dct = np.array(
            [
                [cv2.dct(image[8 * r : 8 * r + 8, 8 * c : 8 * c + 8].astype(np.float64)) for c in range(columns)]
                for r in range(rows)
            ]
        )
        values = []
        for r in range(1, rows - 1):
            for c in range(1, columns - 1):
                across = dct[r, c - 1] + dct[r, c + 1] - 2 * dct[r, c]
                down = dct[r - 1, c] + dct[r + 1, c] - 2 * dct[r, c]
                values.append(np.sqrt(across**2 + down**2))
        return np.mean(values, axis=0)

    here, shifted = variation(luma), variation(luma[4:, 4:])
    return float((np.abs(shifted - here) / here).sum())


def test_agrees_with_the_definition(photo_from_pixels: MakePhoto) -> None:
    luma = np.random.default_rng(0).integers(0, 256, (83, 101), np.uint8)
    assert blockiness(photo_from_pixels(luma)) == pytest.approx(definition(luma), rel=1e-4)


def test_grows_as_jpeg_quality_falls(
    photo_from_pixels: MakePhoto,
    wheel_photo: Callable[[str], np.ndarray],
    recompressed: Callable[[np.ndarray, int], np.ndarray],
) -> None:
    clean = wheel_photo("coffee")
    values = [blockiness(photo_from_pixels(recompressed(clean, quality))) for quality in (95, 85, 75, 50, 30)]
    assert all(value is not None for value in values)
    assert [*values] == sorted(values, key=float)  # type: ignore[arg-type]
    untouched = blockiness(photo_from_pixels(clean))
    assert untouched is not None and untouched < 5
    assert values[-1] is not None and values[-1] > 100


def test_flat_picture_is_not_blocky_and_a_tiny_one_has_no_number(photo_from_pixels: MakePhoto) -> None:
    assert blockiness(photo_from_pixels(np.full((200, 200), 90, np.uint8))) == 0
    assert blockiness(photo_from_pixels(np.zeros((31, 500), np.uint8))) is None
