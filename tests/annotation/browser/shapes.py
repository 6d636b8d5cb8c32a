"""What a stroke should paint, by a rule of its own: numpy on pixel centres, nothing of the page's code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Point = tuple[float, float]


def _centres(width: int, height: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rows, columns = np.mgrid[:height, :width]
    return columns + 0.5, rows + 0.5


def distance_to_path(width: int, height: int, path: Sequence[Point]) -> npt.NDArray[np.float64]:
    """Distance of every pixel's centre to a path of straight pieces, (height, width), pixels."""
    x, y = _centres(width, height)
    nearest = np.full((height, width), np.inf)
    for (x0, y0), (x1, y1) in zip(path, [*path[1:], path[-1]], strict=True):
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / (length or 1.0), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
    return nearest


def disc(width: int, height: int, centre: Point, diameter: float) -> Mask:
    """Pixels whose centre lies at most half the diameter away, and the one under the centre."""
    mask = distance_to_path(width, height, [centre]) <= diameter / 2
    mask[int(centre[1]), int(centre[0])] = True
    return mask


def polygon(width: int, height: int, points: Sequence[Point]) -> Mask:
    """Pixels whose centre lies inside a polygon that does not cross itself: even-odd rule, rays to the right."""
    x, y = _centres(width, height)
    inside = np.zeros((height, width), bool)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        if y0 == y1:
            continue
        crosses = (y0 <= y) != (y1 <= y)
        inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside
