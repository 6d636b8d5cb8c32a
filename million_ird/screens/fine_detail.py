"""Whether the resolution is real: how much of the picture's detail lies in its finest octave."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen

_COARSEST = 1 / 16  # of the Nyquist frequency; below lies what any enlargement keeps
_FINEST = 1 / 2  # the last octave: gone after enlarging twofold
_FLOOR_DB = -60.0


def fine_detail(photo: Photo) -> float:
    """Energy at f ≥ 1/2 over energy at f ≥ 1/16 (f radial, 1 = Nyquist), in decibels; −60 if there is none.

    Natural images have about 1/f² power, which puts equal energy into every octave: a picture that is sharp at its last
    pixel reaches about −6 dB, optics and demosaicing cost some, enlarging or blur empties the finest octave. Contrast
    cancels, which separates it from Laplacian variance; noise and grain raise it. Windows are tapered (Hann) and their
    power summed, so the textured ones decide.
    """
    finest = total = 0.0
    for window in photo.windows:
        taper, above_coarsest, above_finest = _masks(*window.shape)
        pixels = window.astype(np.float32)
        pixels -= pixels.mean()
        spectrum = np.fft.rfft2(pixels * taper)
        power = spectrum.real**2 + spectrum.imag**2
        total += float(np.vdot(power, above_coarsest))
        finest += float(np.vdot(power, above_finest))
    return max(_FLOOR_DB, 10 * float(np.log10(finest / total))) if finest > 0 else _FLOOR_DB


@lru_cache(maxsize=2)
def _masks(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The taper (height, width), and how often each bin of the half spectrum counts above either frequency."""
    taper = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    frequency = np.hypot(2 * np.fft.fftfreq(height)[:, None], 2 * np.fft.rfftfreq(width)[None])
    twice = np.full(frequency.shape, 2.0)  # a half spectrum leaves out the mirrored half …
    twice[:, 0] = 1.0  # … of all columns but the first and, for even widths, the last
    if width % 2 == 0:
        twice[:, -1] = 1.0
    masks = (twice * (frequency >= _COARSEST), twice * (frequency >= _FINEST))
    return taper.astype(np.float32), masks[0].astype(np.float32), masks[1].astype(np.float32)


SCREEN = Screen(
    name="fine_detail",
    unit="dB",
    digits=2,
    measured_on="luma, whole up to 1 megapixel, else 16 windows of 256 × 256",
    source="own definition; the 1/f² law: Field 1987",
    cost="cheap",
    measure=fine_detail,
)
