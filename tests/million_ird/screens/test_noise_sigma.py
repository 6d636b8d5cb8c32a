from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.noise_sigma import noise_sigma

MakePhoto = Callable[[np.ndarray], Photo]


@pytest.mark.parametrize("sigma", [2, 5, 10, 25])
def test_finds_the_noise_that_was_added(sigma: float, photo_from_pixels: MakePhoto) -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(80, 170, 400)[None]
    luma = np.clip(np.round(ramp + rng.normal(0, sigma, (300, 400))), 0, 255).astype(np.uint8)
    assert noise_sigma(photo_from_pixels(luma)) == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize(("name", "by_skimage"), [("camera", 1.259142305736446), ("brick", 0.6668144716630916)])
def test_agrees_with_scikit_image(
    name: str, by_skimage: float, photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]
) -> None:
    # skimage.restoration.estimate_sigma (0.26, PyWavelets 1.9) on the same grey picture. It includes the edges, and
    # flat areas whose coefficients are zero but for rounding.
    assert noise_sigma(photo_from_pixels(wheel_photo(name))) == pytest.approx(by_skimage, rel=0.015)


def test_flat_picture_has_none(photo_from_pixels: MakePhoto) -> None:
    assert noise_sigma(photo_from_pixels(np.full((300, 300), 128, np.uint8))) == 0
    assert noise_sigma(photo_from_pixels(np.zeros((3, 3), np.uint8))) == 0
