"""The magnetic outline: the cheapest path along edges from an anchor to the pointer.

`cv2.segmentation.IntelligentScissorsMB` (after Mortensen & Barrett, "Intelligent scissors for image composition",
SIGGRAPH 1995). The costs of a region and the paths to one anchor are computed once; after that, each path is read off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from annotation.records import Rect
from million_ird.errors import UsageError

Pixels = npt.NDArray[np.uint8]
Point = tuple[int, int]

_NEAR = 384
"""Side in pixels of the region around an anchor; its paths take about 40 ms."""
_FAR = 640
"""Side of the region for a pointer outside it: about 110 ms."""
_STEP = 64
"""The far region moves in such steps, so that a moving pointer does not ask for a new one at every pixel."""
_MARGIN = 16
"""An outline may swing out by so much beyond its two ends."""
REACH = _FAR - _STEP - 2 * _MARGIN
"""How far in x or y the pointer may be from the anchor, in pixels."""
_CANNY = (32.0, 100.0)
_STRONGEST_GRADIENT = 200.0
"""Stronger edges than this (Sobel's response to grey levels) attract no more; as in OpenCV's own demonstration."""


@dataclass(frozen=True)
class Paths:
    """All cheapest paths to one anchor within a region; not to be used by two threads at once."""

    region: Rect
    tool: Any

    def to(self, target: Point) -> list[Point]:
        """Image pixels from the anchor to the target, both among them, each a neighbour (of 8) of the one before."""
        contour = self.tool.getContour((target[0] - self.region.x, target[1] - self.region.y))
        steps = np.asarray(contour).reshape(-1, 2).tolist()
        return [(x + self.region.x, y + self.region.y) for x, y in steps]


def region_of(width: int, height: int, anchor: Point, target: Point) -> Rect:
    """The region of a picture in which the path from anchor to target is looked for.

    Raises:
        UsageError: a point lies outside the picture, or the two are further apart than `REACH`.
    """
    for x, y in (anchor, target):
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(f"the point {x}, {y} lies outside the picture of {width}x{height} pixels")
    if max(abs(anchor[0] - target[0]), abs(anchor[1] - target[1])) > REACH:
        raise UsageError(f"the magnetic outline reaches {REACH} pixels: set a point on the way")
    columns, rows = (_span(size, start, end) for size, start, end in zip((width, height), anchor, target, strict=True))
    return Rect(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])


def paths_from(picture: Pixels, region: Rect, anchor: Point) -> Paths:
    """Every cheapest path from the anchor within the region.

    Args:
        picture: RGB, uint8, (H, W, 3), the whole picture.
        region: as `region_of` gives it.
        anchor: (x, y) in the picture.
    """
    crop = picture[region.y : region.y + region.height, region.x : region.x + region.width]
    tool = cv2.segmentation.IntelligentScissorsMB()
    tool.setEdgeFeatureCannyParameters(*_CANNY)
    tool.setGradientMagnitudeMaxLimit(_STRONGEST_GRADIENT)
    tool.applyImage(np.ascontiguousarray(crop))
    tool.buildMap((anchor[0] - region.x, anchor[1] - region.y))
    return Paths(region, tool)


def _span(size: int, anchor: int, target: int) -> tuple[int, int]:
    """Start and end of the region along one axis; around the anchor alone wherever the target allows it."""
    start, end = anchor - _NEAR // 2, anchor + _NEAR // 2
    if not start + _MARGIN <= target < end - _MARGIN:
        low = min(anchor, target) - _MARGIN
        start = low - low % _STEP
        end = start + _FAR
    return max(0, start), min(size, end)
