"""Whether a mask marks the blurred part of a picture or, inverted, the sharp one.

Of a pair: where the frames differ is what moved, and that has to be inside. Of a single frame: what is inside has to
be the less sharp part. Both are compared by rank, so that neither contrast nor exposure counts.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from annotation.mask import Mask
from annotation.registration import apply, register

Pixels = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]

_LONGEST_SIDE = 1024
"""Pixels; larger pictures are judged at this size: what is blurred by a hand's movement is so there, too."""
_SMALLEST_SIDE = 16
_CLEAR = 2
"""Pixels next to the outline that are left out: it is never drawn exactly."""
_STRUCTURE = 2.0
"""Grey levels of local contrast below which a place is neither sharp nor blurred, but flat."""
_FEWEST = 50
"""Judged pixels below which a side says nothing."""


def agreement(mask: Mask, blurred: Pixels, sharp: Pixels | None = None) -> float | None:
    """How well a mask's polarity fits its picture: 1 as it should be, 0 no evidence either way, -1 inverted.

    It is 2 A - 1, where A is the chance that a random pixel inside is more blurred (in a pair: differs more) than a
    random one outside; the rank-biserial correlation.

    Args:
        mask: bool (H, W).
        blurred: RGB, uint8 (H, W, 3).
        sharp: the sharp frame of a pair, as it lies in its file.

    Returns:
        None where a side has too few pixels to say anything, or the picture too little structure.
    """
    height, width = mask.shape
    factor = min(1.0, _LONGEST_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if min(size) < _SMALLEST_SIDE:
        return None
    if sharp is not None:
        evidence, usable = _difference(_reduced(blurred, size), _reduced(sharp, size))
    else:
        evidence, usable = _softness(_reduced(blurred, size))
    share = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    inside, outside = (usable & _shrunk(part) for part in (share == 255, share == 0))
    if min(inside.sum(), outside.sum()) < _FEWEST:
        return None
    return _rank_biserial(evidence[inside], evidence[outside])


def _difference(blurred: Pixels, sharp: Pixels) -> tuple[Map, Mask]:
    """How far the frames differ once the sharp one is laid onto the blurred one and exposed alike."""
    registration = register(blurred, sharp)
    laid = registration.exposure.apply(apply(registration, sharp))
    difference = np.abs(blurred.astype(np.float32) - laid).max(axis=2)
    return _smooth(difference, 3), np.ones(difference.shape, np.bool_)


def _softness(picture: Pixels) -> tuple[Map, Mask]:
    """How little of the contrast at some pixels' width is left at one pixel's, and where there is contrast at all."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, coarse = _smooth(grey, 1), _smooth(grey, 4)
    sharp, contrast = _smooth(np.abs(grey - fine), 6), _smooth(np.abs(fine - coarse), 6)
    return np.asarray(contrast / (sharp + 0.1), np.float32), np.asarray(contrast > _STRUCTURE)


def _reduced(picture: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _smooth(values: Map, sigma: float) -> Map:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), np.float32)


def _shrunk(part: Mask) -> Mask:
    kernel = np.ones((2 * _CLEAR + 1, 2 * _CLEAR + 1), np.uint8)
    return np.asarray(cv2.erode(part.astype(np.uint8), kernel, borderValue=1) > 0)


def _rank_biserial(inside: Map, outside: Map) -> float:
    """2 P(inside > outside) - 1, ties counting half (Mann and Whitney, 1947; Cureton, 1956)."""
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, "left").astype(np.float64)
    not_above = np.searchsorted(ordered, inside, "right")
    return float((below + not_above).mean() / outside.size - 1)
