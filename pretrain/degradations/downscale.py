"""Super-resolution: the input is the clean picture made smaller."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from million_ird.errors import UsageError
from million_ird.patches import Box
from pretrain.degradations.degradation import Degraded, grown, within
from pretrain.degradations.resize import SCALES, downscale
from pretrain.images import Pixels


@dataclass(frozen=True, slots=True)
class Downscale:
    """MATLAB's bicubic downscaling (`resize.downscale`), of the whole picture cut to a multiple of the scale."""

    scale: int
    """Side of the target per side of the input: 2, 3 or 4."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise UsageError(f"scale must be 2, 3 or 4, not {self.scale}")

    @property
    def task(self) -> str:
        """`enlarge`."""
        return "enlarge"

    @property
    def title(self) -> str:
        """`enlarge ×4`."""
        return f"enlarge ×{self.scale}"

    def region(self, box: Box, width: int, height: int) -> Box:
        """The crop with a margin of two input pixels: the kernel reaches no further, and the phase stays."""
        if any(number % self.scale for number in (box.x, box.y, box.width, box.height)):
            raise ValueError(f"{box} does not begin and end at multiples of {self.scale}")
        return grown(box, 2 * self.scale, width // self.scale * self.scale, height // self.scale * self.scale)

    def degrade(self, pixels: Pixels, region: Box, box: Box, rng: np.random.Generator) -> Degraded:
        """Nothing is drawn. What the mirrored edge of the region spoils, within the picture, is cut off again."""
        small = downscale(pixels, self.scale)
        return Degraded(within(small, region, box, self.scale), within(pixels, region, box))
