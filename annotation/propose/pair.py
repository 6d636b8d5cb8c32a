"""A proposal from a pair: the whole trail of what moved while the blurred frame was exposed."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from annotation import registration as registering
from annotation.propose.cleaning import close, drop_specks, fill_holes, hysteresis, open_
from annotation.propose.evidence import Plane, pair_evidence, smooth
from annotation.propose.pair_weights import CALIBRATION, CLASSIFIER
from annotation.propose.proposal import Mask, Proposal, expected_overlap, regions
from annotation.propose.settings import PairSettings

Pixels = npt.NDArray[np.uint8]

_LONGEST_SIDE = 1024
"""Pixels. Evidence is weighed at this size at most, where it was learnt; a trail has no detail that would be lost."""
_SMOOTHING = 2.0
_UNREGISTERED = 0.7
"""What the confidence is multiplied by where the frames could not be laid on each other. Ours."""


def propose_pair(blurred: Pixels, sharp: Pixels, settings: PairSettings | None = None) -> Proposal:
    """Proposes the full exposure trail of what moved.

    Args:
        blurred, sharp: RGB, uint8, (H, W, 3), of equal size.
        settings: the tuned ones unless given.

    Raises:
        annotation.registration.RegistrationError: the frames differ in size.
    """
    settings = settings or PairSettings()
    found = registering.register(blurred, sharp)
    probability = _probability(blurred, found.exposure.apply(registering.apply(found, sharp)))
    mask = clean_pair_mask(probability, settings)
    confidence = pair_confidence(probability, mask) * (1.0 if found.trusted else _UNREGISTERED)
    pieces = regions(probability, mask)
    return Proposal(mask, confidence, found, pieces, f"{_describe(mask, len(pieces))}; {_describe_registration(found)}")


def clean_pair_mask(probability: Plane, settings: PairSettings) -> Mask:
    """A map of probabilities, (H, W) float32, made into the mask of whole trails."""
    side = max(probability.shape)
    mask = hysteresis(probability, settings.seed, settings.grow)
    mask = fill_holes(close(mask, round(side * settings.bridge)))
    mask = open_(mask, round(side * settings.bridge / 3))
    return drop_specks(mask, round(mask.size * settings.least_area))


def pair_confidence(probability: Plane, mask: Mask) -> float:
    """The overlap with a person's mask to be expected, 0..1."""
    if not mask.any():
        return 0.0
    offset, slope = CALIBRATION
    return float(np.clip(offset + slope * expected_overlap(probability, mask), 0, 1))


def _probability(blurred: Pixels, sharp: Plane) -> Plane:
    """Probability of blur, (H, W) float32."""
    height, width = blurred.shape[:2]
    factor = min(1.0, _LONGEST_SIDE / max(height, width))
    frames = [blurred.astype(np.float32), sharp]
    if factor < 1:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        frames = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.float32) for frame in frames]
    probability = smooth(CLASSIFIER.probability(pair_evidence(*frames)), _SMOOTHING)
    if factor < 1:
        probability = np.asarray(cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return probability


def _describe(mask: Mask, pieces: int) -> str:
    if not pieces:
        return "nothing found that moved"
    return f"{pieces} {'region' if pieces == 1 else 'regions'}, {mask.mean():.1%} of the picture"


def _describe_registration(found: registering.Registration) -> str:
    if not found.trusted:
        return f"not registered: {found.reason}"
    return (
        f"shift {found.dx:+.2f}, {found.dy:+.2f} px, turned {found.angle:+.2f}°, correlation {found.correlation:.3f}, "
        f"gain {found.gain:.3f}"
    )
