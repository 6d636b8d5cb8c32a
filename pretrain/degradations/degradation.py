"""What all kinds of degradation have in common: what they are asked, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from million_ird.patches import Box
from pretrain.images import Pixels


@dataclass(frozen=True, slots=True)
class Degraded:
    """A degraded crop and what it should be restored to."""

    input: NDArray[Any]
    """Levels 0 … 255, RGB, (box.height / scale, box.width / scale, 3): uint8, or float32 (and beyond that range) where
    noise is neither clipped nor rounded."""
    target: Pixels
    """RGB, uint8, (box.height, box.width, 3): the clean crop; of local blur, the sharp frame."""
    mask: NDArray[np.bool_] | None = None
    """(box.height, box.width), True = degraded. None: everything is, or nobody says."""


class Degradation(Protocol):
    """A way to degrade crops of a clean picture. Its fields say everything: the same fields degrade the same way."""

    @property
    def task(self) -> str:
        """What a network does about it: denoise, dejpeg, enlarge, demosaic, deblur …"""

    @property
    def title(self) -> str:
        """Its name in tables: the task and how strong it is, such as `denoise σ=25`."""

    @property
    def scale(self) -> int:
        """Side of the target per side of the input. Boxes begin at multiples of it and have sides that are; a picture
        counts only as far as the largest multiple of it (the rest at the right and lower edge is cut off)."""

    def region(self, box: Box, width: int, height: int) -> Box:
        """The part of a clean picture of `width` × `height` pixels that is needed to degrade its crop `box`."""

    def degrade(self, pixels: Pixels, region: Box, box: Box, rng: np.random.Generator) -> Degraded:
        """Degrades a crop.

        Args:
            pixels: RGB, uint8, of `region` in the clean picture; not changed.
            region: as `self.region` gave it.
            box: the crop, within the region.
            rng: all randomness is drawn from it.
        """


def grown(box: Box, margin: int, width: int, height: int) -> Box:
    """The box with a margin on all sides, as far as it lies in a picture of `width` × `height` pixels."""
    left, top = max(0, box.x - margin), max(0, box.y - margin)
    right, bottom = min(width, box.x + box.width + margin), min(height, box.y + box.height + margin)
    return Box(left, top, right - left, bottom - top)


def within(pixels: NDArray[Any], region: Box, box: Box, scale: int = 1) -> NDArray[Any]:
    """A copy of the part `box` of `region`'s pixels; of pixels smaller by `scale`, what belongs to it."""
    top, left = (box.y - region.y) // scale, (box.x - region.x) // scale
    return pixels[top : top + box.height // scale, left : left + box.width // scale].copy()
