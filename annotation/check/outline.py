"""Outlines that show where a mask came from: enlarged from a smaller one, or thresholded from something noisy."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from annotation.mask import Mask

_FEWEST = 12
"""Columns, and rows, with a piece of outline in them below which their spacing says nothing: a box has two."""
_SIGMA = 2.0
"""Pixels; what is finer than this is not drawn by a hand."""
_SHORTEST = 200
"""Length of an outline in pixels below which its smoothness says nothing."""


def neighbour_share(mask: Mask) -> float | None:
    """Of the columns (rows) in which the outline steps, the share that has another such column (row) next to it.

    Enlarging a mask by f without smoothing puts all steps on every f-th column and row: the share is 0 from 2 on. The
    larger share of the two directions counts. None where the outline has too few steps to say.
    """
    across = np.flatnonzero((mask[:, 1:] != mask[:, :-1]).any(axis=0))
    down = np.flatnonzero((mask[1:] != mask[:-1]).any(axis=1))
    if min(across.size, down.size) < _FEWEST:
        return None
    return max(_adjacent(across), _adjacent(down))


def spacing(mask: Mask) -> float:
    """How far apart the columns and rows are in which the outline steps, in pixels: the median gap."""
    across = np.flatnonzero((mask[:, 1:] != mask[:, :-1]).any(axis=0))
    down = np.flatnonzero((mask[1:] != mask[:-1]).any(axis=1))
    return float(np.median(np.concatenate((np.diff(across), np.diff(down)))))


def roughness(mask: Mask) -> float | None:
    """How many times as long the outline is as that of the mask smoothed over some pixels; about 1 for what is drawn.

    Lengths are those along the pixels' sides, which a staircase does not change. Regions that smoothing takes away
    altogether are specks, not roughness, and are left out. None for an outline of less than 200 pixels.
    """
    inner = mask[1:-1, 1:-1]
    if min(inner.shape, default=0) < 1:
        return None
    smooth = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SIGMA, borderType=cv2.BORDER_REPLICATE) >= 0.5
    near = cv2.dilate(smooth.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    filled = cv2.erode(smooth.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    # Only what lies along the smoothed outline is compared: specks far outside and holes far inside are not of it.
    kept = (mask & near) | filled
    before, after = _length(kept), _length(smooth)
    return before / after if after >= _SHORTEST else None


def _adjacent(places: npt.NDArray[np.intp]) -> float:
    return float((np.diff(places) == 1).mean())


def _length(mask: Mask) -> int:
    return int((mask[:, 1:] != mask[:, :-1]).sum() + (mask[1:] != mask[:-1]).sum())
