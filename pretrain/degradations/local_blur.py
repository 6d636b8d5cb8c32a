"""Local motion blur: something in the picture moved during the exposure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from million_ird.local_blur import LocalBlurSettings, blur_locally
from million_ird.patches import Box
from pretrain.degradations.degradation import Degraded, within
from pretrain.images import Pixels

_LEAST = 32
"""Smallest side in pixels of a region, if the picture has as many: `blur_locally` takes none that is smaller."""


@dataclass(frozen=True, slots=True)
class LocalBlur:
    """`million_ird.local_blur.blur_locally` on the surroundings of each crop: blurred frame, sharp frame, exact mask.

    Objects lie in a region little larger than the crop, so that the cost does not depend on the size of the picture and
    most crops show blur; what is not blurred teaches the network to leave sharp pictures alone. The margin is about as
    wide as anything moves inwards: where the region ends, an object is cut off straight, and that should not be seen.
    """

    settings: LocalBlurSettings = field(default_factory=LocalBlurSettings)
    """How objects look and move; sizes and trails are shares of the region, not of the picture."""

    @property
    def task(self) -> str:
        """`deblur`."""
        return "deblur"

    @property
    def title(self) -> str:
        """`deblur local`, whatever the settings."""
        return "deblur local"

    @property
    def scale(self) -> int:
        """1."""
        return 1

    def region(self, box: Box, width: int, height: int) -> Box:
        """The crop with a margin, moved into the picture where it would reach over an edge."""
        margin = self._margin(max(box.width, box.height))
        x, columns = _span(box.x, box.width, margin, width)
        y, rows = _span(box.y, box.height, margin, height)
        return Box(x, y, columns, rows)

    def degrade(self, pixels: Pixels, region: Box, box: Box, rng: np.random.Generator) -> Degraded:
        """Movements, objects and what is behind them are drawn.

        Raises:
            UsageError: the picture has a side under 32 pixels.
        """
        made = blur_locally(pixels, rng, self.settings)
        blurred, sharp, mask = (within(part, region, box) for part in (made.blurred, made.sharp, made.mask))
        return Degraded(blurred, sharp, mask)

    def _margin(self, side: int) -> int:
        """Pixels that a point of an object gets from where it was cut out; at most half of the crop's `side`."""
        settings = self.settings
        path = settings.trail[1] * math.hypot(0.5, settings.bend)
        radius = 0.75 * settings.size[1]  # outlines are no circles: half as far again as a circle's
        share = min(path + radius * (math.radians(settings.turn / 2) + settings.swell / 2), 0.25)  # of the region
        return math.ceil(side * share / (1 - 2 * share))


def _span(start: int, length: int, margin: int, limit: int) -> tuple[int, int]:
    """Start and length of a stretch of 0 … `limit` with `margin` around another, if there is room."""
    wanted = min(limit, max(length + 2 * margin, _LEAST))
    return min(max(0, start - (wanted - length) // 2), limit - wanted), wanted
