"""Whole pictures made smaller and larger by 2, 3 or 4, as MATLAB's `imresize` does it: what super-resolution is about.

Cubic convolution with a = -0.5 (Keys, IEEE Trans. ASSP 29(6), 1981, p. 1153), pixel centres at half-integers, the
picture mirrored at its edges, the edge pixel repeated. To make a picture smaller the kernel is stretched by the scale,
so that nothing aliases; to make it larger it is not.

For whole scales all weights are fractions of small whole numbers. Sums of products with levels are then whole numbers
below 2²⁴, which float32 holds exactly: the result depends neither on the order of summation nor on the processor, and
a crop with enough around it is the crop of the whole, bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from pretrain.levels import Picture, to_pixels, to_unit

SCALES = (2, 3, 4)
"""Scales that pictures are resized by."""


def downscale(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """A picture made smaller, without aliasing.

    Args:
        picture: (H, W, C) of uint8, float32 or float64; H and W at least `scale`. What is left of H and W after
            dividing by the scale is cut off at the lower and right edge.
        scale: 2, 3 or 4.

    Returns:
        (H // scale, W // scale, C) of the same dtype. uint8 is rounded (halves upwards) and clipped after each of the
        two passes, the height's first; floats are neither.

    Raises:
        UsageError: another scale.
    """
    taps = _shrinking(_checked(scale))
    part = cut_to_multiple(picture, scale)
    return _filtered(_filtered(part, taps, 0, scale), taps, 1, scale)


def enlarge(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """A picture made larger: what every super-resolution network is compared with.

    Args:
        picture: (H, W, C) of uint8, float32 or float64, not empty.
        scale: 2, 3 or 4.

    Returns:
        (H · scale, W · scale, C) of the same dtype, rounded as `downscale` does.

    Raises:
        UsageError: another scale.
    """
    phases = _enlarging(_checked(scale))
    return _interleaved(_interleaved(picture, phases, 0), phases, 1)


def enlargement(small: NDArray[Any], large: NDArray[Any]) -> int:
    """How many times as long as the small picture's sides the large one's are."""
    return int(large.shape[0] // small.shape[0])


def as_large(seen: Picture, clean: NDArray[Any]) -> Picture:
    """What a network is given, as large as what it should give, (H, W, 3) in [0, 1]: clipped, or where it is smaller
    enlarged and rounded to whole levels. It is what a network has to beat."""
    by = enlargement(seen, clean)
    return np.clip(seen, 0, 1) if by == 1 else to_unit(enlarge(to_pixels(seen), by))


def cut_to_multiple(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """A view of the picture (H, W, …) without what is left of H and W after dividing by `scale`."""
    height, width = picture.shape[:2]
    return picture[: height // scale * scale, : width // scale * scale]


@dataclass(frozen=True, slots=True)
class _Taps:
    """A filter of one dimension: `numerators` / `denominator`; the first is for the pixel `before` places earlier."""

    numerators: tuple[int, ...]
    denominator: int
    before: int


def _checked(scale: int) -> int:
    if scale not in SCALES:
        raise UsageError(f"scale must be 2, 3 or 4, not {scale}")
    return scale


def _cubic(distance: Fraction) -> Fraction:
    """The kernel of cubic convolution with a = -1/2."""
    x = abs(distance)
    if x <= 1:
        return Fraction(3, 2) * x**3 - Fraction(5, 2) * x**2 + 1
    return -Fraction(1, 2) * x**3 + Fraction(5, 2) * x**2 - 4 * x + 2 if x < 2 else Fraction(0)


@cache
def _shrinking(scale: int) -> _Taps:
    """The pixels around the middle of the `scale` pixels that become one: distances are measured in output pixels."""
    before = 2 * scale
    middle = Fraction(scale - 1, 2)
    return _taps([_cubic((place - middle) / scale) / scale for place in range(-before, before + scale)], before)


@cache
def _enlarging(scale: int) -> tuple[_Taps, ...]:
    """For each of the `scale` pixels that one becomes, the four pixels around it."""
    phases = []
    for phase in range(scale):
        place = Fraction(2 * phase + 1 - scale, 2 * scale)
        first = math.floor(place) - 1
        phases.append(_taps([_cubic(place - first - number) for number in range(4)], -first))
    return tuple(phases)


def _taps(weights: list[Fraction], before: int) -> _Taps:
    denominator = math.lcm(*(weight.denominator for weight in weights))
    return _Taps(tuple(int(weight * denominator) for weight in weights), denominator, before)


def _filtered(picture: NDArray[Any], taps: _Taps, axis: int, step: int = 1) -> NDArray[Any]:
    """Every `step`-th pixel along an axis of the filtered picture."""
    kernel = np.array(taps.numerators, np.float64)
    shape, anchor = ((-1, 1), (0, taps.before)) if axis == 0 else ((1, -1), (taps.before, 0))
    depth = cv2.CV_32F if picture.dtype == np.uint8 else -1
    sums = cv2.filter2D(picture, depth, kernel.reshape(shape), anchor=anchor, borderType=cv2.BORDER_REFLECT)
    kept = np.asarray(sums).reshape(picture.shape)[(slice(None, None, step),) if axis == 0 else np.s_[:, ::step]]
    mean: NDArray[Any] = kept / kept.dtype.type(taps.denominator)
    if picture.dtype != np.uint8:
        return mean
    mean += np.float32(0.5)
    return np.clip(mean, 0, 255, out=mean).astype(np.uint8)


def _interleaved(picture: NDArray[Any], phases: tuple[_Taps, ...], axis: int) -> NDArray[Any]:
    """The pictures of all phases, pixel by pixel along an axis."""
    planes = [_filtered(picture, taps, axis) for taps in phases]
    shape = list(picture.shape)
    shape[axis] *= len(phases)
    return np.stack(planes, axis=axis + 1).reshape(shape)
