"""Holes and specks: what a person seldom draws on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from annotation.mask import Mask


@dataclass(frozen=True, slots=True)
class Region:
    """Pixels that hang together."""

    area: int
    """In pixels."""
    x: int
    y: int
    """The middle of its bounding box."""


def specks(mask: Mask, share: float) -> list[Region]:
    """Blurred regions (8-connected) smaller than a share of the picture, largest first.

    The largest region of the mask is none, however small: a mask of a single small object is no speck.
    """
    return [region for region, _ in _regions(mask, 8)[1:] if region.area < share * mask.size]


def holes(mask: Mask, share: float) -> list[Region]:
    """What is enclosed by blur (4-connected, not touching the border) and smaller than a share of the picture, largest
    first."""
    found = _regions(~mask, 4)
    return [region for region, at_border in found if not at_border and region.area < share * mask.size]


def _regions(mask: Mask, connectivity: int) -> list[tuple[Region, bool]]:
    """All regions and whether each touches the border, largest first."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    height, width = mask.shape
    found = []
    for left, top, across, down, area in statistics[1:].tolist():
        at_border = left == 0 or top == 0 or left + across == width or top + down == height
        found.append((Region(area, left + across // 2, top + down // 2), at_border))
    return sorted(found, key=lambda each: -each[0].area)
