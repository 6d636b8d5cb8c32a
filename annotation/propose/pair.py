"""A proposal from a pair: where the blurred frame differs from the sharp one by more than noise explains."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from annotation import registration as registering
from annotation.propose.cleaning import close, drop_specks, fill_holes, hysteresis
from annotation.propose.proposal import Proposal
from annotation.propose.settings import PairSettings

Pixels = npt.NDArray[np.uint8]


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
    evidence = _evidence(blurred, found.exposure.apply(registering.apply(found, sharp)))
    mask = hysteresis(evidence, settings.seed, settings.grow)
    side = max(mask.shape)
    mask = fill_holes(close(mask, max(1, round(side * 0.008))))
    mask = drop_specks(mask, max(1, round(mask.size * settings.least_area)))
    confidence = float(np.clip(evidence[mask].mean() / (4 * settings.seed), 0, 1)) if mask.any() else 0.0
    return Proposal(mask, confidence, found, _note(found))


def _evidence(blurred: Pixels, sharp: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    difference = blurred.astype(np.float32) - sharp
    best = np.zeros(blurred.shape[:2], np.float32)
    for sigma in (1.0, 2.0, 4.0):
        smooth = np.abs(cv2.GaussianBlur(difference, (0, 0), sigma)).max(axis=2)
        noise = 1.4826 * float(np.median(smooth)) + 0.25
        np.maximum(best, smooth / noise, out=best)
    return best


def _note(found: registering.Registration) -> str:
    if not found.trusted:
        return f"not registered: {found.reason}"
    return (
        f"shift {found.dx:+.2f}, {found.dy:+.2f} px, turned {found.angle:+.2f}°, correlation {found.correlation:.3f}, "
        f"gain {found.gain:.3f}"
    )
