"""What speaks for blur at each pixel of a single frame: measures of local sharpness from the literature, side by side.

None of them decides alone. A blurred place lacks fine detail but so does an even wall; so the share of fine among all
detail counts, at several widths, and how sharp the sharpest edge nearby is.

* energy in octave bands and their ratios: the slope of the local spectrum (Liu, Li & Jia, "Image partial blur
  detection and classification", CVPR 2008);
* the share of non-uniform local binary patterns (Yi & Eramian, "LBP-based segmentation of defocus blur", TIP 2016);
* how much blurring once more changes the gradients (Crété-Roffet et al., "The blur effect", 2007);
* the gradient energy in the direction that has least of it (Harris & Stephens' smaller eigenvalue, 1988): a movement
  leaves edges along its path as steep as they were, and takes away those across;
* the share of the largest singular values of a small square (Su, Lu & Tan, "Blurred image region detection and
  classification", ACM MM 2011).
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from annotation.propose.evidence import Plane, smooth

LONGEST_SIDE = 640
"""Pixels. Frames are measured at this size at most; masks of defocus and motion have no finer detail."""

_BANDS = 4
_WIDTHS = (4.0, 10.0, 24.0)
_EDGE_REACHES = (9, 31)
_DIRECTION_WIDTHS = (6.0, 16.0)
_LBP_WIDTHS = (6.0, 15.0)
_LBP_THRESHOLD = 4.0
_SQUARE, _STEP, _LARGEST = 16, 8, 4

NAMES = (
    *(f"band {band} within {width:g}" for width in _WIDTHS for band in range(_BANDS)),
    *(f"band {band} over {band + 1} within {width:g}" for width in _WIDTHS for band in range(_BANDS - 1)),
    *(f"{what} within {reach}" for reach in _EDGE_REACHES for what in ("steepest edge", "sharpness of it")),
    *(
        f"{what} within {width:g}"
        for width in _DIRECTION_WIDTHS
        for what in ("weakest direction", "weakest over strongest", "sharpness of weakest")
    ),
    *(f"patterns within {width:g}" for width in _LBP_WIDTHS),
    "changed by blurring",
    "singular values",
    "against the picture's sharpest",
    "against the picture's usual",
)
"""One name for each plane of `single_evidence`; numbers are standard deviations in pixels, or pixels."""


def single_evidence(frame: npt.NDArray[np.uint8]) -> Plane:
    """Measures a frame, RGB, uint8, (H, W, 3), of at most `LONGEST_SIDE`: (H, W, len(NAMES)) float32."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    bands = _bands(grey)
    planes, ratios = [], []
    for width in _WIDTHS:
        energies = [np.log(np.maximum(smooth(band, width), 0) + 0.1) for band in bands]
        planes += energies
        ratios += [fine - coarse for fine, coarse in pairwise(energies)]
    planes += ratios
    for reach in _EDGE_REACHES:
        planes += _edges(grey, reach)
    for width in _DIRECTION_WIDTHS:
        planes += _directions(grey, width)
    patterns = _patterns(grey)
    planes += [smooth(patterns, width) for width in _LBP_WIDTHS]
    planes += [_changed(grey), _singular_values(grey)]
    slope = ratios[_BANDS - 1]  # finest over next, within the middle width
    planes += [slope - np.percentile(slope, 95), slope - np.median(slope)]
    return np.stack(planes, axis=-1).astype(np.float32)


def _bands(grey: Plane) -> list[Plane]:
    """Squared differences of Gaussians, an octave each, finest first."""
    levels = [grey] + [smooth(grey, 0.7 * 2**level) for level in range(_BANDS)]
    return [np.square(fine - coarse) for fine, coarse in pairwise(levels)]


def _edges(grey: Plane, reach: int) -> list[Plane]:
    """The steepest edge within some pixels, and how much steeper it is than after a Gaussian of two pixels."""
    square = np.ones((reach, reach), np.uint8)
    fine, coarse = (cv2.dilate(_steepness(smooth(grey, sigma)), square) for sigma in (0.7, 2.0))
    fine, coarse = (smooth(np.asarray(plane), reach / 4) for plane in (fine, coarse))
    return [np.log(fine + 0.3), np.log((fine + 0.3) / (coarse + 0.3))]


def _directions(grey: Plane, width: float) -> list[Plane]:
    """Gradient energy in the weakest direction: by itself, over the strongest, and over the same two pixels coarser."""
    weakest, strongest = _eigenvalues(smooth(grey, 0.7), width)
    coarse, _ = _eigenvalues(smooth(grey, 2.0), width)
    floor = np.float32(0.02)
    return [
        np.log(weakest + floor),
        np.log((weakest + floor) / (strongest + floor)),
        np.log((weakest + floor) / (coarse + floor)),
    ]


def _eigenvalues(plane: Plane, width: float) -> tuple[Plane, Plane]:
    """Smaller and larger eigenvalue of the structure tensor, averaged over a neighbourhood."""
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    xx, yy, xy = (smooth(product, width) for product in (across * across, down * down, across * down))
    middle, spread = (xx + yy) / 2, np.sqrt(np.square((xx - yy) / 2) + np.square(xy))
    return np.maximum(middle - spread, 0), middle + spread


def _steepness(plane: Plane) -> Plane:
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _patterns(grey: Plane) -> Plane:
    """1 where the local binary pattern of the eight neighbours changes more than twice around, 0 elsewhere."""
    padded = np.pad(grey, 1, mode="edge")
    height, width = grey.shape
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    higher = [padded[y : y + height, x : x + width] - grey > _LBP_THRESHOLD for y, x in around]
    changes = np.zeros(grey.shape, np.uint8)
    for first, second in zip(higher, higher[1:] + higher[:1], strict=True):
        changes += first ^ second
    return (changes > 2).astype(np.float32)


def _changed(grey: Plane) -> Plane:
    """The logarithm of what is left of local gradients after blurring by 1.5 pixels."""
    before, after = (smooth(_steepness(plane), 8) for plane in (grey, smooth(grey, 1.5)))
    return np.asarray(np.log((after + 0.2) / (before + 0.2)), np.float32)


def _singular_values(grey: Plane) -> Plane:
    """Share of the largest four singular values among those of each square of 16 pixels: near 1 where it is blurred."""
    half = _SQUARE // 2
    padded = np.pad(grey, half, mode="reflect" if min(grey.shape) > half else "edge")
    squares = np.lib.stride_tricks.sliding_window_view(padded, (_SQUARE, _SQUARE))[::_STEP, ::_STEP]
    centred = squares - squares.mean((2, 3), keepdims=True)
    values = np.linalg.svd(centred, compute_uv=False)
    share = (values[..., :_LARGEST].sum(-1) + 1) / (values.sum(-1) + 1)
    matrix = np.array([[_STEP, 0, 0], [0, _STEP, 0]], np.float64)
    size = (grey.shape[1], grey.shape[0])
    return np.asarray(
        cv2.warpAffine(share.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )
