"""What a simple camera makes of one colour per pixel.

The interpolation is the gradient-corrected linear one of Malvar, He and Cutler, "High-quality linear interpolation for
demosaicing of Bayer-patterned color images" (ICASSP 2004), whose filters of 5×5 have whole numbers over 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.patches import Box
from pretrain.degradations.degradation import Degraded, grown, within
from pretrain.images import Pixels

_REACH = 2
"""Pixels that the filters look to each side."""

_GREEN = np.array([[0, 0, -2, 0, 0], [0, 0, 4, 0, 0], [-2, 4, 8, 4, -2], [0, 0, 4, 0, 0], [0, 0, -2, 0, 0]], np.float32)
"""Sixteenths. Green where red or blue was measured."""
_BESIDE = np.array(
    [[0, 0, 1, 0, 0], [0, -2, 0, -2, 0], [-2, 8, 10, 8, -2], [0, -2, 0, -2, 0], [0, 0, 1, 0, 0]], np.float32
)
"""A colour where green was measured, between two pixels of that colour left and right; transposed, above and below."""
_ACROSS = np.array(
    [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]], np.float32
)
"""Red where blue was measured, and blue where red was."""


@dataclass(frozen=True, slots=True)
class Demosaic:
    """One colour of each pixel kept, in the Bayer pattern RGGB, and the others interpolated from the pixels around.

    The pattern begins in the upper left corner of the whole picture, whatever the crop. At the picture's edges the
    mosaic is mirrored without repeating the edge, so that the pattern goes on. GRL is trained on such pictures, made by
    MATLAB.
    """

    @property
    def task(self) -> str:
        """`demosaic`."""
        return "demosaic"

    @property
    def title(self) -> str:
        """`demosaic`: it knows but one strength."""
        return "demosaic"

    @property
    def scale(self) -> int:
        """1."""
        return 1

    def region(self, box: Box, width: int, height: int) -> Box:
        """The crop and two pixels around it."""
        return grown(box, _REACH, width, height)

    def degrade(self, pixels: Pixels, region: Box, box: Box, rng: np.random.Generator) -> Degraded:
        """Nothing is drawn. What the mirrored edge of the region spoils, within the picture, is cut off again."""
        phase = (region.x % 2, region.y % 2)
        interpolated = interpolate(mosaic(pixels, phase), phase)
        return Degraded(within(interpolated, region, box), within(pixels, region, box))


def mosaic(pixels: Pixels, phase: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """The one colour of each pixel that a sensor measures, (H, W) uint8.

    Args:
        pixels: RGB, uint8, (H, W, 3).
        phase: (x, y), 0 or 1 each, of the first pixel in the pattern RG/GB.
    """
    measured = pixels[..., 1].copy()
    red, blue = _places(phase)
    measured[red] = pixels[..., 0][red]
    measured[blue] = pixels[..., 2][blue]
    return measured


def interpolate(measured: NDArray[np.uint8], phase: tuple[int, int] = (0, 0)) -> Pixels:
    """The picture of a mosaic: RGB, uint8, (H, W, 3), rounded (halves upwards) and clipped.

    Args:
        measured: (H, W), both at least 2, as `mosaic` gives it.
        phase: as there.
    """
    beside, above = _filtered(measured, _BESIDE), _filtered(measured, _BESIDE.T)
    across = _filtered(measured, _ACROSS)
    picture = np.stack([measured] * 3, axis=-1)
    red, blue = _places(phase)
    for own, other, channel in ((red, blue, 0), (blue, red, 2)):
        picture[..., channel][other] = across[other]
        picture[..., channel][own[0], other[1]] = beside[own[0], other[1]]
        picture[..., channel][other[0], own[1]] = above[other[0], own[1]]
    green = _filtered(measured, _GREEN)
    for place in (red, blue):
        picture[..., 1][place] = green[place]
    return picture


def _places(phase: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns where red is measured, and where blue is."""
    x, y = phase
    return (slice(y, None, 2), slice(x, None, 2)), (slice(1 - y, None, 2), slice(1 - x, None, 2))


def _filtered(measured: NDArray[np.uint8], sixteenths: NDArray[np.float32]) -> NDArray[np.uint8]:
    sums = cv2.filter2D(measured, cv2.CV_16S, sixteenths, borderType=cv2.BORDER_REFLECT_101)
    levels: NDArray[np.int16] = (np.asarray(sums, np.int16) + np.int16(8)) >> 4
    return np.clip(levels, 0, 255).astype(np.uint8)
