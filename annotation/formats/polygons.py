"""Outlines of masks as polygons, and back.

A corner is a corner between pixels: the polygon (0, 0) (1, 0) (1, 1) (0, 1) is pixel 0, 0. Whatever of a mask is
connected along edges becomes one polygon with its outermost outline; holes in it cannot be held, and are counted. A
pixel is inside a polygon if its centre is, by the even-odd rule, so that unsimplified outlines lose nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from annotation.mask import Mask, MaskError

Polygon = NDArray[np.float64]
"""(N, 2): x, y of its corners in pixels."""

_FARTHEST = 1e7
"""Pixels: no corner of a real outline lies farther out."""
_MOST_TIMES = 1_000
"""So many times the polygons of one image may cover it: more would only take time."""
_AT_ONCE = 1_000_000
"""Crossings of edges and rows that are held in memory together, about."""


@dataclass(frozen=True)
class Outlines:
    """The polygons of a mask, and what they cannot hold."""

    polygons: tuple[Polygon, ...]
    holes: int


def outlines(mask: Mask, tolerance: float = 0.0) -> Outlines:
    """The polygons of a mask (H, W), from top to bottom.

    Args:
        mask: what to outline.
        tolerance: corners may be left out where the outline then moves by at most so many pixels (Douglas and Peucker,
            "Algorithms for the reduction of the number of points required to represent a digitized line", 1973).
    """
    loops = _loops(mask)
    areas = [_area(loop) for loop in loops]
    outer = [loop for loop, area in zip(loops, areas, strict=True) if area > 0]
    kept = tuple(_simplified(loop, tolerance) if tolerance else loop for loop in outer)
    return Outlines(tuple(polygon for polygon in kept if len(polygon) >= 3), len(loops) - len(outer))


def fill(polygons: Sequence[Polygon], width: int, height: int) -> Mask:
    """The union of some polygons as a mask (height, width); what lies outside of the picture is cut off.

    Raises:
        MaskError: they cover the picture so many times over that nobody can have drawn them.
    """
    mask = np.zeros((height, width), np.bool_)
    left = _MOST_TIMES * mask.size
    for polygon in polygons:
        left -= _fill_one(mask, polygon, left)
    return mask


def check_polygon(points: object) -> Polygon:
    """Points from a file as a polygon.

    Raises:
        MaskError: no list of at least three pairs of numbers, or numbers that cannot be.
    """
    if not isinstance(points, Sequence) or isinstance(points, str | bytes) or len(points) < 3:
        raise MaskError("a polygon needs a list of at least three points")
    for point in points:
        if not isinstance(point, Sequence) or isinstance(point, str | bytes) or len(point) != 2:
            raise MaskError("a point of a polygon is no pair of numbers")
        if any(type(value) not in (int, float) or not abs(value) <= _FARTHEST for value in point):
            raise MaskError("a corner of a polygon is no number, or far outside of any picture")
    return np.array(points, np.float64)


def _loops(mask: Mask) -> list[Polygon]:
    """The closed lines between what is blurred and what is not, blurred on the right; outer ones have positive area.

    Edges are walked in the direction that keeps the blurred pixel on the right (with y downwards). Where four edges
    meet, because two blurred pixels touch at a corner only, the walk turns right, around its own pixel.
    """
    following, starts = _edges(mask)
    loops = []
    for start in starts:
        if start not in following:
            continue
        loops.append(_walk(following, start))
    return loops


def _edges(mask: Mask) -> tuple[dict[tuple[int, int, int], tuple[int, int]], list[tuple[int, int, int]]]:
    """Edges by (x, y, direction) of their start, with their ends; directions 0 right, 1 down, 2 left, 3 up. The second
    value lists them from top to bottom."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    following: dict[tuple[int, int, int], tuple[int, int]] = {}
    sides = (
        (inner & ~padded[:-2, 1:-1], (0, 0), (1, 0), 0),
        (inner & ~padded[1:-1, 2:], (1, 0), (0, 1), 1),
        (inner & ~padded[2:, 1:-1], (1, 1), (-1, 0), 2),
        (inner & ~padded[1:-1, :-2], (0, 1), (0, -1), 3),
    )
    for edge, (left, top), (right, down), direction in sides:
        rows, columns = (found.tolist() for found in np.nonzero(edge))
        for row, column in zip(rows, columns, strict=True):
            x, y = column + left, row + top
            following[x, y, direction] = (x + right, y + down)
    starts = sorted((start for start in following if start[2] == 0), key=lambda start: (start[1], start[0]))
    return following, starts


def _walk(following: dict[tuple[int, int, int], tuple[int, int]], start: tuple[int, int, int]) -> Polygon:
    """The corners of the loop that begins with an edge; its edges are removed."""
    corners = []
    x, y, direction = start
    turned = -1
    while (x, y, direction) in following:
        if direction != turned:
            corners.append((x, y))
            turned = direction
        x, y = following.pop((x, y, direction))
        # Right first, then straight on, then left: pixels that only touch at a corner stay apart.
        turns = ((direction + turn) % 4 for turn in (1, 0, 3))
        direction = next((turn for turn in turns if (x, y, turn) in following), 0)
    if len(corners) > 1 and turned == start[2]:
        corners.pop(0)
    return np.array(corners, np.float64)


def _area(polygon: Polygon) -> float:
    """The signed area in pixels, positive where the inside is on the right (with y downwards)."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _simplified(polygon: Polygon, tolerance: float) -> Polygon:
    import cv2

    simple = cv2.approxPolyDP(polygon.astype(np.float32)[:, None], tolerance, True)
    return np.asarray(simple[:, 0], np.float64)


def _fill_one(mask: Mask, polygon: Polygon, most: int) -> int:
    """Sets the pixels whose centres are inside: each row is toggled where an edge crosses the middle of it.

    Returns what it took: pixels looked at, and crossings of rows and edges; MaskError if that were more than `most`.
    """
    height, width = mask.shape
    following = np.roll(polygon, -1, axis=0)
    top = np.clip(np.ceil(np.minimum(polygon[:, 1], following[:, 1]) - 0.5), 0, height).astype(np.int64)
    bottom = np.clip(np.ceil(np.maximum(polygon[:, 1], following[:, 1]) - 0.5), 0, height).astype(np.int64)
    first, last = int(top.min()), int(bottom.max())
    ends = np.clip([np.floor(polygon[:, 0].min()), np.ceil(polygon[:, 0].max())], 0, width).astype(np.int64)
    left, right = int(ends[0]), int(ends[1])
    totals = np.cumsum(bottom - top)
    cost = int(totals[-1]) + (last - first) * (right - left)
    if cost > most:
        raise MaskError("its polygons cover the picture many times over: nobody drew them")
    if first >= last or left >= right:
        return cost
    toggles = np.zeros((last - first, right - left + 1), np.uint8)
    chunks = np.unique(np.searchsorted(totals, np.arange(_AT_ONCE, int(totals[-1]) + _AT_ONCE, _AT_ONCE)))
    for start, end in pairwise([0, *(chunks + 1).tolist()]):
        part = slice(start, end)
        row, crossing = _crossings(polygon[part], following[part], top[part], bottom[part])
        column = np.clip(np.ceil(crossing - 0.5), left, right).astype(np.int64)
        np.add.at(toggles, (row - first, column - left), 1)
    mask[first:last, left:right] |= np.bitwise_xor.accumulate(toggles & 1, axis=1)[:, :-1].view(np.bool_)
    return cost


def _crossings(
    start: Polygon, end: Polygon, top: NDArray[np.int64], bottom: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows, and the x at which edges cross the middle of them: (n,) each."""
    counts = bottom - top
    edge = np.repeat(np.arange(len(start)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + top[edge]
    (x0, y0), (x1, y1) = start[edge].T, end[edge].T
    return row, x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
