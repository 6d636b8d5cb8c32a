"""What the histogram of the luma says: how much it holds, and how much of it is clipped."""

from __future__ import annotations

import numpy as np

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen

_CLIPPED = np.r_[0:2, 254:256]


def entropy(photo: Photo) -> float:
    """Shannon entropy of the luma histogram, −Σ p log₂ p, 0 (one grey) to 8 bits (all 256 alike)."""
    share = photo.luma_histogram / photo.luma_histogram.sum()
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def clipped_fraction(photo: Photo) -> float:
    """Share of pixels whose luma is 0, 1, 254 or 255: burnt out, drowned in black, or drawn on plain paper."""
    return float(photo.luma_histogram[_CLIPPED].sum() / photo.luma_histogram.sum())


ENTROPY = Screen(
    name="entropy",
    unit="bit, 0-8",
    digits=3,
    measured_on="luma of the pixel sample",
    source="Shannon 1948",
    cost="cheap",
    measure=entropy,
)

CLIPPED_FRACTION = Screen(
    name="clipped_fraction",
    unit="share, 0-1",
    digits=4,
    measured_on="luma of the pixel sample",
    source="definition",
    cost="cheap",
    measure=clipped_fraction,
)
