"""How much colour there is, and whether there is any."""

from __future__ import annotations

import cv2
import numpy as np

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen


def colourfulness(photo: Photo) -> float:
    """Hasler & Süsstrunk's M = √(σ_rg² + σ_yb²) + 0.3 √(μ_rg² + μ_yb²) with rg = R − G, yb = (R + G)/2 − B.

    "Measuring colourfulness in natural images" (2003), equation of section 7: 0 not colourful, 15 slightly,
    33 moderately, 45 averagely, 59 quite, 82 highly, 109 extremely.
    """
    red, green, blue = cv2.split(photo.pixel_sample.astype(np.int16))
    moments = [cv2.meanStdDev(red - green), cv2.meanStdDev(red + green - 2 * blue)]
    (rg_mean, rg_deviation), (yb_mean, yb_deviation) = (
        (float(mean[0, 0]) / unit, float(deviation[0, 0]) / unit)
        for (mean, deviation), unit in zip(moments, (1, 2), strict=True)
    )
    return float(np.hypot(rg_deviation, yb_deviation) + 0.3 * np.hypot(rg_mean, yb_mean))


def chroma(photo: Photo) -> float:
    """The 99th percentile of max(R, G, B) − min(R, G, B), 0..255: 0 for a grey picture stored in colour, a few levels
    for one that was compressed so, tens for any colour photograph, toned ones included."""
    red, green, blue = cv2.split(photo.pixel_sample)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    below = np.cumsum(np.bincount(spread.ravel(), minlength=256))
    return int(np.searchsorted(below, 0.99 * below[-1]))


COLOURFULNESS = Screen(
    name="colourfulness",
    unit="0 grey, 33 moderate, 109 extreme",
    digits=2,
    measured_on="the pixel sample",
    source="Hasler & Süsstrunk 2003",
    cost="cheap",
    measure=colourfulness,
)

CHROMA = Screen(
    name="chroma",
    unit="levels, 0-255",
    digits=0,
    measured_on="the pixel sample",
    source="definition",
    cost="cheap",
    measure=chroma,
)
