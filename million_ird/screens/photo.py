"""One decoded photograph and the few views of it that screens share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from million_ird.pixels import Header

WINDOW = 256
"""Side of a sampled window in pixels: 32 × 32 JPEG blocks."""
WINDOWS_PER_AXIS = 4
"""At most 4 × 4 windows, about one megapixel, whatever the size of the photograph."""
_GRID = 16
"""Windows start at multiples of this, so that they lie on the JPEG block grid (8, or 16 with chroma subsampling)."""
_BAND = 32
"""Rows of a band: whole JPEG blocks, and small enough that a band stays in the processor's cache."""
_BANDED_PIXELS = 2_000_000
"""The bands lie as far apart as they can while they still hold about this many pixels."""
_SAMPLED_PIXELS = 250_000
"""The pixel sample is the coarsest odd-stepped one that still holds this many pixels."""


@dataclass(frozen=True)
class Photo:
    """A decoded photograph with cached views. Views are read-only by agreement; nothing here copies the whole image
    except `luma`, so a photograph of n pixels needs about 4 n bytes.

    Attributes:
        header: what the file says of itself.
        data: the file's bytes as fetched.
        rgb: (H, W, 3) uint8, stored orientation.
    """

    header: Header
    data: bytes
    rgb: NDArray[np.uint8]

    @property
    def width(self) -> int:
        """Columns of the decoded image."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows of the decoded image."""
        return int(self.rgb.shape[0])

    @cached_property
    def luma(self) -> NDArray[np.uint8]:
        """(H, W) uint8: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, as in JPEG), rounded."""
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def pixel_sample(self) -> NDArray[np.uint8]:
        """(h, w, 3) uint8: every k-th pixel of every k-th row, at least 250,000 where there are as many.

        Single pixels, not averages: their histogram is the histogram of the image. k is odd, so the sample meets every
        position inside the 8 × 8 blocks of a JPEG alike.
        """
        step = max(1, int((self.width * self.height / _SAMPLED_PIXELS) ** 0.5))
        step -= step % 2 == 0
        start = step // 2
        return np.ascontiguousarray(self.rgb[start::step, start::step])

    @cached_property
    def luma_histogram(self) -> NDArray[np.int64]:
        """(256,) counts of the luma of `pixel_sample`."""
        luma = cv2.cvtColor(self.pixel_sample, cv2.COLOR_RGB2GRAY)
        return np.bincount(luma.ravel(), minlength=256)

    @cached_property
    def bands(self) -> tuple[slice, ...]:
        """The rows of bands 32 high that stand for the image: every k-th, k = pixels / 2 million (at least 1), so
        about 2 to 4 million pixels of a large photograph, from top to bottom, and all of one under 4 million."""
        every = max(1, self.width * self.height // _BANDED_PIXELS)
        step = _BAND * every
        return tuple(slice(top, min(top + _BAND, self.height)) for top in range(0, self.height, step))

    @cached_property
    def windows(self) -> tuple[NDArray[np.uint8], ...]:
        """Views of `luma`: the whole up to 1024² pixels, else up to 4 × 4 windows, 256 pixels square, spread evenly."""
        return tuple(spread_windows(self.luma, WINDOW, WINDOWS_PER_AXIS))


def spread_windows(image: NDArray[np.uint8], side: int, per_axis: int) -> Iterator[NDArray[np.uint8]]:
    """Views of `image` (H, W[, C]): the whole while it has no more pixels than all windows together, else windows
    `side` square, at most `per_axis` along each axis, never overlapping, row by row.

    The positions depend on the image's size alone. Each axis is divided into as many equal stretches as windows fit
    (at least one), and each window lies in the middle of its stretch, moved back to the block grid.
    """
    if image.shape[0] * image.shape[1] <= (side * per_axis) ** 2:
        yield image
        return
    rows, columns = (_starts(length, side, per_axis) for length in image.shape[:2])
    for y in rows:
        for x in columns:
            yield image[y : y + side, x : x + side]


def _starts(length: int, side: int, per_axis: int) -> list[int]:
    count = max(1, min(per_axis, length // side))
    stretch = length / count
    middle = max(0.0, (stretch - side) / 2)
    return [int(index * stretch + middle) // _GRID * _GRID for index in range(count)]
