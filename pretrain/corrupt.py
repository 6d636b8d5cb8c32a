"""Degrade cells of a crop by JPEG, Gaussian noise or uniform noise, and put plan, corruption and masks together.

DyNet (arXiv 2404.02154) names the three kinds and says "of varying levels"; the levels were never published. Ours, and
why, are in docs/corruption.md. Everything is uint8: noise is added, rounded to the nearest level and clipped to 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
import simplejpeg

from million_ird.errors import UsageError
from pretrain.masking import Cells, Crop, MaskSettings, cell_view, fill, plan_cells

CLEAN, JPEG, GAUSSIAN, UNIFORM = range(4)
"""What was done to a cell, as `Degraded.kinds` stores it."""
KIND_NAMES = ("clean", "jpeg", "gaussian", "uniform")

_QUANTILES = 65536
"""Noise has this many values, one for each 16-bit number drawn."""


@dataclass(frozen=True)
class CorruptSettings:
    """Kinds of corruption and their levels: the recipe's section `[corrupt]`. Levels are drawn evenly from their range.

    The paper names the kinds; every level and share is ours (docs/corruption.md).
    """

    jpeg_share: float = 1.0
    """How often JPEG is drawn, relative to the other two; 0 for never."""
    gaussian_share: float = 1.0
    """How often Gaussian noise is drawn, relative to the other two."""
    uniform_share: float = 1.0
    """How often uniform noise is drawn, relative to the other two."""
    jpeg_quality: tuple[int, int] = (10, 95)
    """Lowest and highest quality of libjpeg, 1..100: from the blockiest of the usual test sets to hardly visible."""
    jpeg_sampling: Literal["4:2:0", "4:2:2", "4:4:4"] = "4:2:0"
    """Chroma sampling of the round trip; 4:2:0 is what most JPEGs of the web have."""
    gaussian_sigma: tuple[float, float] = (0.0, 50.0)
    """Standard deviation in levels of 255, before rounding and clipping; covers the 15, 25 and 50 of fine-tuning."""
    uniform_amplitude: tuple[float, float] = (0.0, 86.6)
    """Noise lies evenly in ±this, in levels of 255; √3 times the Gaussian range, so that the variances are alike."""
    kind_per: Literal["sample", "cell"] = "sample"
    """Whether one kind is drawn for the crop, or one for every degraded cell. Levels are drawn once per crop."""

    def __post_init__(self) -> None:
        shares = self.shares
        if min(shares) < 0 or not 0 < sum(shares) < float("inf"):
            raise UsageError(f"corrupt.*_share must not be negative and not all 0, but are {shares}")
        for name, least, most in (
            ("jpeg_quality", 1, 100),
            ("gaussian_sigma", 0, 255),
            ("uniform_amplitude", 0, 255),
        ):
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise UsageError(f"corrupt.{name} must rise within {least}..{most}, but is [{low}, {high}]")

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of JPEG, Gaussian and uniform noise."""
        return self.jpeg_share, self.gaussian_share, self.uniform_share


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels drawn for one crop; each matters only if its kind was drawn."""

    jpeg_quality: int
    gaussian_sigma: float
    uniform_amplitude: float


@dataclass(frozen=True, slots=True)
class Degraded:
    """A corrupted and masked crop, and what was done to it."""

    input: Crop
    """What the model sees, uint8 (side, side, 3)."""
    corrupted: Crop
    """The same before its masked cells were filled."""
    degraded: Cells
    """Cells that the corruption was applied to, (rows, columns)."""
    masked: Cells
    """Cells that were filled."""
    kinds: npt.NDArray[np.uint8]
    """What was done to each cell before masking: `CLEAN`, `JPEG`, `GAUSSIAN` or `UNIFORM`."""
    levels: Levels


def degrade(crop: Crop, rng: np.random.Generator, corrupting: CorruptSettings, masking: MaskSettings) -> Degraded:
    """The whole: draw the cells, corrupt the degraded ones, fill the masked ones. A pure function of its arguments.

    Args:
        crop: RGB, uint8, (side, side, 3), `side` a multiple of `masking.cell`; it is not changed.
    """
    plan = plan_cells(rng, crop.shape[0], masking)
    levels = draw_levels(rng, corrupting)
    corrupted, kinds = corrupt(crop, plan.degraded, rng, corrupting, levels)
    filled = fill(corrupted, plan.masked, masking, rng)
    return Degraded(filled, corrupted, plan.degraded, plan.masked, kinds, levels)


def draw_levels(rng: np.random.Generator, settings: CorruptSettings) -> Levels:
    """Levels of all three kinds, drawn whether they are needed or not."""
    return Levels(
        jpeg_quality=int(rng.integers(settings.jpeg_quality[0], settings.jpeg_quality[1], endpoint=True)),
        gaussian_sigma=float(rng.uniform(*settings.gaussian_sigma)),
        uniform_amplitude=float(rng.uniform(*settings.uniform_amplitude)),
    )


def corrupt(
    crop: Crop, degraded: Cells, rng: np.random.Generator, settings: CorruptSettings, levels: Levels | None = None
) -> tuple[Crop, npt.NDArray[np.uint8]]:
    """A copy of the crop with its degraded cells corrupted, and the kind of every cell (`CLEAN` where not degraded).

    `levels` are drawn if not given.
    """
    levels = draw_levels(rng, settings) if levels is None else levels
    kinds = _draw_kinds(degraded, rng, settings)
    corrupted = crop.copy()
    cells = cell_view(corrupted, degraded.shape)
    for kind in range(JPEG, UNIFORM + 1):
        chosen = kinds == kind
        if not chosen.any():
            continue
        if kind == JPEG:
            again = jpeg_round_trip(crop, levels.jpeg_quality, settings.jpeg_sampling)
            cells[chosen] = cell_view(again, degraded.shape)[chosen]
        elif kind == GAUSSIAN:
            cells[chosen] = _add_noise(cells[chosen], levels.gaussian_sigma, _gaussian_quantiles(), rng)
        else:
            cells[chosen] = _add_noise(cells[chosen], levels.uniform_amplitude, _uniform_quantiles(), rng)
    return corrupted, kinds


def jpeg_round_trip(crop: Crop, quality: int, sampling: str) -> Crop:
    """The crop after encoding and decoding as JPEG of libjpeg's `quality`."""
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(crop), quality=quality, colorsubsampling=sampling.replace(":", "")
    )
    decoded: Crop = simplejpeg.decode_jpeg(data, "RGB")
    return decoded


def _draw_kinds(degraded: Cells, rng: np.random.Generator, settings: CorruptSettings) -> npt.NDArray[np.uint8]:
    jpeg, gaussian, _ = (share / sum(settings.shares) for share in settings.shares)
    drawn = rng.random(degraded.shape if settings.kind_per == "cell" else None)
    kinds = JPEG + np.greater_equal(drawn, jpeg).astype(np.uint8) + np.greater_equal(drawn, jpeg + gaussian)
    chosen: npt.NDArray[np.uint8] = np.where(degraded, kinds, CLEAN).astype(np.uint8)
    return chosen


def _add_noise(
    pixels: npt.NDArray[np.uint8], scale: float, quantiles: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Independent noise for every value of every channel: `scale` × one of `quantiles`, rounded; then clipped.

    A table looked up by raw 16-bit numbers takes a quarter of the time of numpy's own normal numbers.
    """
    raw = rng.integers(0, 2**64, -(-pixels.size // 4), np.uint64).astype("<u8", copy=False).view("<u2")
    levels = np.rint(quantiles * np.float32(scale)).astype(np.int16)
    noisy: npt.NDArray[np.int16] = levels.take(raw[: pixels.size].reshape(pixels.shape))
    noisy += pixels
    np.clip(noisy, 0, 255, out=noisy)
    return noisy.astype(np.uint8)


@cache
def _gaussian_quantiles() -> npt.NDArray[np.float32]:
    """The standard normal distribution as 65,536 equally likely values, scaled to a variance of exactly 1.

    The largest is 4.3; of numbers truly normal, two in 100,000 are further out.
    """
    inverse = NormalDist().inv_cdf
    upper = np.array([inverse((i + 0.5) / _QUANTILES) for i in range(_QUANTILES // 2, _QUANTILES)])
    values = np.concatenate([-upper[::-1], upper])
    return np.asarray(values / values.std(), np.float32)


@cache
def _uniform_quantiles() -> npt.NDArray[np.float32]:
    """-1..1 as 65,536 equally likely values."""
    return ((np.arange(_QUANTILES) + 0.5) / (_QUANTILES / 2) - 1).astype(np.float32)
