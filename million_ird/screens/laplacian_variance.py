"""Sharpness and contrast together: how strongly neighbouring pixels differ."""

from __future__ import annotations

import cv2

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen


def laplacian_variance(photo: Photo) -> float:
    """Variance of the 3 × 3 Laplacian (0 1 0 / 1 −4 1 / 0 1 0) of the luma, grey levels squared.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (2000). Noise and contrast raise it, blur and
    empty areas lower it: a soft measure of sharpness. Read in bands (`Photo.bands`), each with the rows
    next to it; of large photographs only every k-th band.
    """
    total = squares = count = 0.0
    for rows in photo.bands:
        above, below = min(1, rows.start), 1  # the rows next to the band, where the image has them
        filtered = cv2.Laplacian(photo.luma[rows.start - above : rows.stop + below], cv2.CV_16S)
        band = filtered[above : above + rows.stop - rows.start]
        mean, deviation = (float(part[0, 0]) for part in cv2.meanStdDev(band))
        total += mean * band.size
        squares += (deviation * deviation + mean * mean) * band.size
        count += band.size
    return squares / count - (total / count) ** 2


SCREEN = Screen(
    name="laplacian_variance",
    unit="grey levels squared",
    digits=2,
    measured_on="luma, every pixel; from 4 megapixels on bands of 32 rows that hold 2-3 megapixels",
    source="Pech-Pacheco et al. 2000",
    cost="cheap",
    measure=laplacian_variance,
)
