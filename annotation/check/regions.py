"""Holes and specks: what a person seldom draws on purpose."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from annotation.mask import Mask

Areas = npt.NDArray[np.int64]


def speck_areas(mask: Mask, share: float) -> Areas:
    """Areas in pixels of the blurred regions (8-connected) smaller than a share of the picture, largest first.

    The largest region is none, however small: a mask of a single small object is no speck.
    """
    areas, _ = _regions(mask, 8)
    return areas[1:][areas[1:] < share * mask.size]


def hole_areas(mask: Mask, share: float) -> Areas:
    """Areas in pixels of what is enclosed by blur (4-connected, not touching the border) and smaller than a share of
    the picture, largest first."""
    areas, at_border = _regions(~mask, 4)
    areas = areas[~at_border]
    return areas[areas < share * mask.size]


def _regions(mask: Mask, connectivity: int) -> tuple[Areas, npt.NDArray[np.bool_]]:
    """Areas of all regions and whether each touches the border, largest first."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    left, top, width, height, area = (statistics[1:, column].astype(np.int64) for column in range(5))
    at_border = (left == 0) | (top == 0) | (left + width == mask.shape[1]) | (top + height == mask.shape[0])
    order = np.argsort(-area, kind="stable")
    return area[order], at_border[order]
