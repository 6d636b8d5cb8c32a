"""Gaussian noise: independent for every pixel and channel, the same strength everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from million_ird.patches import Box
from pretrain.degradations.degradation import Degraded, within
from pretrain.images import Pixels

NoiseKind = Literal["truncated", "float"]
"""What becomes of noisy numbers that are no levels; see `noisy_levels`."""


@dataclass(frozen=True, slots=True)
class GaussianNoise:
    """Additive white Gaussian noise."""

    sigma: float
    """Standard deviation in levels of 255, above 0. Published: 15, 25, 50."""
    kind: NoiseKind
    """"truncated": clipped and cut down to whole levels, as AirNet, PromptIR and DyNet do. "float": neither clipped nor
    rounded, as GRL does."""

    def __post_init__(self) -> None:
        if not 0 < self.sigma < float("inf"):
            raise UsageError(f"sigma must be above 0, not {self.sigma}")

    @property
    def task(self) -> str:
        """`denoise`."""
        return "denoise"

    @property
    def title(self) -> str:
        """`denoise σ=25`: that of both kinds."""
        return f"denoise σ={self.sigma:g}"

    @property
    def scale(self) -> int:
        """1."""
        return 1

    def region(self, box: Box, width: int, height: int) -> Box:
        """The crop alone."""
        return box

    def degrade(self, pixels: Pixels, region: Box, box: Box, rng: np.random.Generator) -> Degraded:
        """Draws one standard normal number for each value of the crop, row by row."""
        clean = within(pixels, region, box)
        return Degraded(noisy_levels(clean, rng.standard_normal(clean.shape), self.sigma, self.kind), clean)


def noisy_levels(clean: Pixels, normal: NDArray[np.float64], sigma: float, kind: NoiseKind) -> NDArray[Any]:
    """`clean` with noise of standard deviation `sigma` in levels, made of standard normal numbers of its shape.

    Returns:
        `truncated`: uint8, clipped and cut down (not rounded) to whole levels, as the published codes do, which is half
        a level darker in the mean. `float`: float32, neither clipped nor rounded.
    """
    noisy = clean + normal * sigma
    return np.clip(noisy, 0, 255).astype(np.uint8) if kind == "truncated" else noisy.astype(np.float32)
