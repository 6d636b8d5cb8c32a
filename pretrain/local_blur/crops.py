"""Where a crop is taken: anywhere, or around something blurred."""

from __future__ import annotations

import cv2
import numpy as np

from pretrain.crop import TURNS
from pretrain.local_blur.masks import Mask


def choose_crop(mask: Mask, side: int, blur_aware: float, speck: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """x and y of the upper left corner of a square, and its turn.

    With probability `blur_aware` the square is centred on a blurred pixel (each is as likely as any other), or as near
    to that as the border of the picture allows; otherwise, and where nothing is blurred, it lies anywhere.

    Args:
        mask: of the whole picture, at least `side` in both directions.
        side: of the square in pixels.
        blur_aware: 0 to 1. LBAG's code takes 0.5.
        speck: blurred areas of fewer pixels, connected by edges, attract no crop.
        rng: three to five numbers are drawn from it.
    """
    height, width = mask.shape
    if rng.random() < blur_aware:
        blurred = np.flatnonzero(without_specks(mask, speck))
        if blurred.size:
            y, x = divmod(int(blurred[rng.integers(blurred.size)]), width)
            left = min(max(x - side // 2, 0), width - side)
            top = min(max(y - side // 2, 0), height - side)
            return left, top, int(rng.integers(TURNS))
    left, top = rng.integers(width - side, endpoint=True), rng.integers(height - side, endpoint=True)
    return int(left), int(top), int(rng.integers(TURNS))


def without_specks(mask: Mask, least: int) -> Mask:
    """The mask without its areas, connected by edges, of fewer than `least` pixels."""
    if least <= 1:
        return mask
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    large = statistics[:, cv2.CC_STAT_AREA] >= least
    large[0] = False  # what is not blurred
    kept: Mask = large[labels]
    return kept
