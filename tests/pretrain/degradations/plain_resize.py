"""MATLAB's `imresize` (bicubic) written out pixel by pixel, in float64, for any scale: what ours is compared with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain_imresize(picture: NDArray[Any], factor: float) -> NDArray[Any]:
    """The picture (H, W, C) resized by `factor`, first its rows, then its columns; uint8 is rounded after each."""
    return _columns(_rows(picture, factor), factor)


def _columns(picture: NDArray[Any], factor: float) -> NDArray[Any]:
    return _rows(picture.transpose(1, 0, 2), factor).transpose(1, 0, 2)


def _rows(picture: NDArray[Any], factor: float) -> NDArray[Any]:
    height = picture.shape[0]
    stretch = min(factor, 1.0)
    rows = []
    for number in range(math.ceil(height * factor)):
        centre = (number + 0.5) / factor - 0.5
        reach = math.ceil(2 / stretch) + 1
        places = np.arange(math.floor(centre) - reach, math.floor(centre) + reach + 1)
        weights = _cubic(stretch * (centre - places))
        weights /= weights.sum()
        rows.append(np.tensordot(weights, picture[_mirrored(places, height)].astype(np.float64), axes=1))
    out = np.stack(rows)
    if picture.dtype == np.uint8:
        # Sums of products that are halves in truth may lie a little below: 1e-9 is far less than one weight.
        return np.clip(np.floor(out + 0.5 + 1e-9), 0, 255).astype(np.uint8)
    return out.astype(picture.dtype)


def _mirrored(places: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """… 1 0 0 1 … n-1 n-1 n-2 …, endlessly."""
    within = places % (2 * length)
    return np.where(within < length, within, 2 * length - 1 - within)


def _cubic(distances: NDArray[np.floating]) -> NDArray[np.floating]:
    x = np.abs(distances)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
