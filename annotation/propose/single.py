"""A proposal from a blurred frame alone: where fine detail is missing although there is something to see."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from annotation.propose.cleaning import close, drop_specks, fill_holes
from annotation.propose.proposal import Proposal
from annotation.propose.settings import SingleSettings

Pixels = npt.NDArray[np.uint8]


def propose_single(blurred: Pixels, settings: SingleSettings | None = None) -> Proposal:
    """Proposes what is less sharp than the rest of the picture: RGB, uint8, (H, W, 3)."""
    settings = settings or SingleSettings()
    grey = cv2.cvtColor(blurred, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = cv2.GaussianBlur(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0)), (0, 0), 8)
    coarse = cv2.GaussianBlur(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 4.0)), (0, 0), 8)
    sharpness = fine / (coarse + 0.5)
    mask = sharpness < settings.limit * np.percentile(sharpness, 95)
    mask = fill_holes(close(np.asarray(mask, np.bool_), 6))
    mask = drop_specks(mask, max(1, round(mask.size * settings.least_area)))
    return Proposal(mask, 0.3 if mask.any() else 0.0, None, "by sharpness alone")
