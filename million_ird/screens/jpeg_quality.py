"""The quality a JPEG was saved at, read off its quantisation table."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen

# fmt: off
_BASE_LUMA = np.array([  # ITU-T T.81 Annex K, Table K.1, row by row
    16, 11, 10, 16,  24,  40,  51,  61,
    12, 12, 14, 19,  26,  58,  60,  55,
    14, 13, 16, 24,  40,  57,  69,  56,
    14, 17, 22, 29,  51,  87,  80,  62,
    18, 22, 37, 56,  68, 109, 103,  77,
    24, 35, 55, 64,  81, 104, 113,  92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103,  99,
])
# fmt: on


def jpeg_quality(photo: Photo) -> float | None:
    """The quality 1..100 whose Independent JPEG Group luma table is nearest to the file's; None if it is no JPEG.

    The IJG library scales Table K.1 of the standard by s = 5000 / q % below q = 50 and by 200 − 2 q % from there,
    rounds, and clamps to 1..255. "Nearest" is the least sum over the 64 steps of |log ratio|, so tables of other
    makers (Photoshop, cameras, mozjpeg) get the IJG quality that quantises about as coarsely. Of equals the higher is
    taken.
    """
    if not photo.header.quantisation:
        return None
    steps = np.maximum(photo.header.quantisation[0], 1)
    distance = np.abs(np.log(_ijg_tables()) - np.log(steps)).sum(axis=1)
    return float(100 - int(np.argmin(distance[::-1])))


@cache
def _ijg_tables() -> NDArray[np.int64]:
    """(100, 64): the luma table of each quality 1..100, row by row."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.asarray(np.clip((_BASE_LUMA * scale + 50) // 100, 1, 255), np.int64)


SCREEN = Screen(
    name="jpeg_quality",
    unit="IJG quality, 1-100",
    digits=0,
    measured_on="the luma quantisation table of the file as fetched",
    source="ITU-T T.81 Annex K; the scaling of the Independent JPEG Group's library",
    cost="cheap",
    measure=jpeg_quality,
)
