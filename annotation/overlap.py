"""How far two masks agree in shape: intersection over union, and F of their outlines."""

from __future__ import annotations

import math

import cv2
import numpy as np

from annotation.mask import Mask

TOLERANCE = 0.008
"""Share of the diagonal, DAVIS' default: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video
Object Segmentation, CVPR 2016, in the authors' code."""


def iou(a: Mask, b: Mask) -> float:
    """Pixels blurred in both over pixels blurred in either: 0 to 1; of two empty masks 1.

    Raises:
        ValueError: masks (H, W) of different shapes.
    """
    _check(a, b)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def boundary_f(a: Mask, b: Mask, tolerance: int) -> float:
    """F of the outlines: the harmonic mean of the shares of each that lie near the other. 0 to 1; symmetric.

    As DAVIS has it (see `TOLERANCE`), which follows Martin, Fowlkes and Malik, Learning to Detect Natural Image
    Boundaries, PAMI 26 (5), 2004: a pixel is on the outline if the one to its right, below, or right below is of the
    other kind (the picture's own border is none), and it is matched if an outline pixel of the other mask lies within
    `tolerance`. Unlike in the earlier definition, pixels need no partner of their own. Two masks without an outline
    agree (1), one with and one without do not (0).

    Args:
        tolerance: Euclidean, in pixels.

    Raises:
        ValueError: masks (H, W) of different shapes.
    """
    _check(a, b)
    first, second = _outline(a), _outline(b)
    if not first.any() or not second.any():
        return float(first.any() == second.any())
    precision, recall = _near(first, second, tolerance), _near(second, first, tolerance)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def default_tolerance(height: int, width: int) -> int:
    """`TOLERANCE` of the diagonal, rounded up, in pixels: 21 for 2152×1436, 7 for 640×480."""
    return math.ceil(TOLERANCE * math.hypot(height, width))


def _check(a: Mask, b: Mask) -> None:
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"masks to compare have one shape (H, W), not {a.shape} and {b.shape}")


def _outline(mask: Mask) -> Mask:
    right, below, corner = mask.copy(), mask.copy(), mask.copy()
    right[:, :-1], below[:-1], corner[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    return np.asarray((mask ^ right) | (mask ^ below) | (mask ^ corner))


def _near(outline: Mask, other: Mask, tolerance: int) -> float:
    """Share of an outline's pixels that lie within `tolerance` of the other's."""
    distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((distance[outline] <= tolerance + 1e-3).mean())
