"""From a map of evidence to a mask that a person would draw: in one piece where it is one, no holes, no specks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Map = npt.NDArray[np.float32]


def hysteresis(evidence: Map, seed: float, grow: float) -> Mask:
    """Regions above `grow` that reach `seed` somewhere (Canny 1986, "A computational approach to edge detection")."""
    count, labels = cv2.connectedComponents((evidence >= grow).astype(np.uint8), connectivity=8)
    strong = np.zeros(count, np.bool_)
    strong[np.unique(labels[evidence >= seed])] = True
    strong[0] = False
    return np.asarray(strong[labels], np.bool_)


def fill_holes(mask: Mask, largest: int | None = None) -> Mask:
    """Holes of at most `largest` pixels (all where None) become True; what touches the border is no hole."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    fill = np.ones(count, np.bool_)
    border = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    fill[np.unique(border)] = False
    if largest is not None:
        fill &= statistics[:, cv2.CC_STAT_AREA] <= largest
    fill[0] = False  # the mask itself
    return np.asarray(mask | fill[labels], np.bool_)


def drop_specks(mask: Mask, least: int) -> Mask:
    """Regions of fewer than `least` pixels become False."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = statistics[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    return np.asarray(keep[labels] if count > 1 else mask, np.bool_)


def close(mask: Mask, radius: int) -> Mask:
    """Gaps narrower than twice `radius` pixels are bridged, but none between the mask and the picture's border."""
    return _morph(mask, radius, cv2.MORPH_CLOSE, np.zeros_like(mask))


def open_(mask: Mask, radius: int) -> Mask:
    """What is narrower than twice `radius` pixels goes; what the picture's border cuts off is thought to go on."""
    return _morph(mask, radius, cv2.MORPH_OPEN, mask)


def _morph(mask: Mask, radius: int, operation: int, beyond: Mask) -> Mask:
    """`beyond` has what lies at the border of what is thought to be around the picture."""
    if radius < 1:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(beyond, radius, mode="edge").astype(np.uint8)
    padded[radius:-radius, radius:-radius] = mask
    return cv2.morphologyEx(padded, operation, kernel)[radius:-radius, radius:-radius] > 0
