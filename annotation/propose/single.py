"""A proposal from a blurred frame alone: where it is less sharp than photographs of such things are."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from annotation.propose.cleaning import close, drop_specks, fill_holes, hysteresis
from annotation.propose.evidence import Plane, smooth
from annotation.propose.proposal import Mask, Proposal, expected_overlap, regions
from annotation.propose.settings import SingleSettings
from annotation.propose.sharpness import LONGEST_SIDE, single_evidence
from annotation.propose.single_weights import CALIBRATION, CLASSIFIER

Pixels = npt.NDArray[np.uint8]

_LEAST_SIDE = 24
"""Pixels. In less there is no neighbourhood to measure."""


def propose_single(blurred: Pixels, settings: SingleSettings | None = None) -> Proposal:
    """Proposes what is blurred in a picture, by motion or by focus: the two cannot be told apart here.

    Args:
        blurred: RGB, uint8, (H, W, 3).
        settings: the tuned ones unless given.
    """
    settings = settings or SingleSettings()
    if min(blurred.shape[:2]) < _LEAST_SIDE:
        return Proposal(np.zeros(blurred.shape[:2], np.bool_), 0.0, None, (), "too small to be measured")
    probability = _probability(blurred)
    mask = clean_single_mask(probability, settings)
    pieces = regions(probability, mask)
    if not pieces:
        return Proposal(mask, 0.0, None, pieces, "nothing blurred found, by local sharpness alone")
    offset, slope = CALIBRATION
    confidence = float(np.clip(offset + slope * expected_overlap(probability, mask), 0, 1))
    count = f"{len(pieces)} {'region' if len(pieces) == 1 else 'regions'}"
    return Proposal(mask, confidence, None, pieces, f"{count}, {mask.mean():.1%} of the picture; by sharpness alone")


def clean_single_mask(probability: Plane, settings: SingleSettings) -> Mask:
    """A map of probabilities, (H, W) float32, made into a mask; large sharp places inside a blurred one stay."""
    mask = hysteresis(probability, settings.seed, settings.grow)
    mask = close(mask, round(max(mask.shape) * settings.bridge))
    mask = fill_holes(mask, round(mask.size * settings.largest_hole))
    return drop_specks(mask, round(mask.size * settings.least_area))


def _probability(blurred: Pixels) -> Plane:
    """Probability of blur, (H, W) float32."""
    height, width = blurred.shape[:2]
    factor = min(1.0, LONGEST_SIDE / max(height, width))
    small = blurred
    if factor < 1:
        size = (max(_LEAST_SIDE, round(width * factor)), max(_LEAST_SIDE, round(height * factor)))
        small = np.asarray(cv2.resize(blurred, size, interpolation=cv2.INTER_AREA), np.uint8)
    probability = smooth(CLASSIFIER.probability(single_evidence(small)), 3.0)
    if factor < 1:
        probability = np.asarray(cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return probability
