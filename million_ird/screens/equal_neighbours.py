"""Whether the picture was drawn rather than taken: flat colour repeats exactly, light does not."""

from __future__ import annotations

import cv2
import numpy as np

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen


def equal_neighbours(photo: Photo) -> float:
    """Share of pixels whose luma equals both that of the pixel to the right and that of the pixel below, 0..1.

    Vector graphics, screenshots and text on paper are made of runs of one colour. Photon noise keeps neighbours apart
    in photographs, except where it was quantised away: burnt-out areas and strongly compressed skies.
    """
    equal = count = 0
    for window in photo.windows:
        if min(window.shape) < 2:
            continue
        here = np.ascontiguousarray(window[:-1, :-1])
        differs = cv2.bitwise_or(cv2.absdiff(here, window[:-1, 1:]), cv2.absdiff(here, window[1:, :-1]))
        equal += here.size - cv2.countNonZero(differs)
        count += here.size
    return equal / count if count else 0.0


SCREEN = Screen(
    name="equal_neighbours",
    unit="share, 0-1",
    digits=4,
    measured_on="luma, whole up to 1 megapixel, else 16 windows of 256 × 256",
    source="own definition",
    cost="cheap",
    measure=equal_neighbours,
)
