from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.colour import chroma, colourfulness

MakePhoto = Callable[[np.ndarray], Photo]


def test_colourfulness_is_the_published_formula(photo_from_pixels: MakePhoto) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, 70, 3), np.uint8)
    red, green, blue = np.moveaxis(rgb.astype(float), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    assert colourfulness(photo_from_pixels(rgb)) == pytest.approx(expected)


def test_grey_has_neither(photo_from_pixels: MakePhoto) -> None:
    grey = photo_from_pixels(np.random.default_rng(0).integers(0, 256, (60, 70), np.uint8))
    assert colourfulness(grey) == 0
    assert chroma(grey) == 0


def test_chroma_ignores_a_few_coloured_pixels(photo_from_pixels: MakePhoto) -> None:
    rgb = np.full((100, 100, 3), 90, np.uint8)
    rgb[0, :50] = (255, 0, 0)  # half a percent
    assert chroma(photo_from_pixels(rgb)) == 0
    rgb[:50] = (190, 90, 100)
    assert chroma(photo_from_pixels(rgb)) == 100
