"""JPEG artefacts of the whole picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from million_ird.errors import UsageError
from million_ird.patches import Box
from pretrain.corrupt import jpeg_round_trip
from pretrain.degradations.degradation import Degraded, within
from pretrain.images import Pixels

_UNIT = 16
"""Pixels. Side of the largest coding unit (of 4:2:0); nothing of a JPEG depends on what is beyond the next unit."""


@dataclass(frozen=True, slots=True)
class Jpeg:
    """The whole picture encoded and decoded as JPEG, so that its blocks begin anywhere in a crop, as GRL does it.

    Blocks of 8×8 are coded apart, and the decoder's smooth chroma looks one sample further: encoding the coding units
    that the crop touches, and one more around them, gives the same pixels as encoding the whole.
    """

    quality: int
    """libjpeg's, 1 … 100. The usual test sets have 10, 20, 30 and 40."""
    sampling: Literal["4:2:0", "4:2:2", "4:4:4"] = "4:2:0"
    """Chroma sampling; 4:2:0 is what libjpeg and most encoders take unless told otherwise."""

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality must be 1 to 100, not {self.quality}")

    @property
    def task(self) -> str:
        """`dejpeg`."""
        return "dejpeg"

    @property
    def title(self) -> str:
        """`dejpeg q=10`; with the sampling, where that is not 4:2:0."""
        return f"dejpeg q={self.quality}" + ("" if self.sampling == "4:2:0" else f" {self.sampling}")

    @property
    def scale(self) -> int:
        """1."""
        return 1

    def region(self, box: Box, width: int, height: int) -> Box:
        """The coding units that the crop touches, and one more on each side."""
        left, top = (max(0, (start // _UNIT - 1) * _UNIT) for start in (box.x, box.y))
        right = min(width, (-(-(box.x + box.width) // _UNIT) + 1) * _UNIT)
        bottom = min(height, (-(-(box.y + box.height) // _UNIT) + 1) * _UNIT)
        return Box(left, top, right - left, bottom - top)

    def degrade(self, pixels: Pixels, region: Box, box: Box, rng: np.random.Generator) -> Degraded:
        """Nothing is drawn."""
        coded = jpeg_round_trip(pixels, self.quality, self.sampling)
        return Degraded(within(coded, region, box), within(pixels, region, box))
