"""All screens, in the order in which they are stored and judged. A new screen is a new file and a line here."""

from __future__ import annotations

from million_ird.screens import (
    bits_per_pixel,
    blockiness,
    colour,
    equal_neighbours,
    fine_detail,
    flat_fraction,
    histogram,
    jpeg_quality,
    laplacian_variance,
    niqe,
    noise_sigma,
    perceptual_blur,
    size,
)
from million_ird.screens.screen import Screen

SCREENS: tuple[Screen, ...] = (
    size.SHORT_SIDE,
    size.ASPECT,
    bits_per_pixel.SCREEN,
    jpeg_quality.SCREEN,
    blockiness.SCREEN,
    laplacian_variance.SCREEN,
    fine_detail.SCREEN,
    histogram.ENTROPY,
    histogram.CLIPPED_FRACTION,
    colour.COLOURFULNESS,
    colour.CHROMA,
    equal_neighbours.SCREEN,
    flat_fraction.SCREEN,
    noise_sigma.SCREEN,
    perceptual_blur.SCREEN,
    niqe.SCREEN,
)
