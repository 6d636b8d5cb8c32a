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
_ROUNDING = 1e-10  # of the mean's power: what float32 leaves in the bins of a picture of one grey


def fine_detail(photo: Photo) -> float:
    """Energy at f ≥ 1/2 over energy at f ≥ 1/16 (f radial, 1 = Nyquist), in decibels; −60 if there is none.

    Natural images have about 1/f² power, which puts equal energy into every octave: a picture that is sharp at its last
    pixel reaches about −6 dB, optics and demosaicing cost some, enlarging or blur empties the finest octave. Contrast
    cancels, which separates it from Laplacian variance; noise and grain raise it. Windows are tapered (Hann) and their
    power summed, so the textured ones decide.
    """
    finest = total = everything = 0.0
    for window in photo.windows:
        taper, above_coarsest, above_finest = _masks(*window.shape)
        # Real and imaginary parts side by side: their squares are the power.
        spectrum = np.fft.rfft2(window * taper).view(np.float32)
        power = np.square(spectrum, out=spectrum)
        total += float(np.vdot(power, above_coarsest))
        finest += float(np.vdot(power, above_finest))
        everything += float(power[0, 0])
    if total <= _ROUNDING * everything or finest <= 0:
        return _FLOOR_DB
    return max(_FLOOR_DB, 10 * float(np.log10(finest / total)))


@lru_cache(maxsize=2)
def _masks(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The taper (height, width), and how often each part of each bin of the half spectrum counts above either
    frequency; (height, 2 × bins), every bin twice for its real and its imaginary part."""
    # The periodic window: its transform is three bins wide, so the mean does not leak into the bins that count.
    taper = np.outer(np.hanning(height + 1)[:-1], np.hanning(width + 1)[:-1])
    frequency = np.hypot(2 * np.fft.fftfreq(height)[:, None], 2 * np.fft.rfftfreq(width)[None])
    twice = np.full(frequency.shape, 2.0)  # a half spectrum leaves out the mirrored half …
    twice[:, 0] = 1.0  # … of all columns but the first and, for even widths, the last
    if width % 2 == 0:
        twice[:, -1] = 1.0
    coarsest, finest = (
        np.repeat(twice * (frequency >= lowest), 2, axis=1).astype(np.float32) for lowest in (_COARSEST, _FINEST)
    )
    return taper.astype(np.float32), coarsest, finest


SCREEN = Screen(
    name="fine_detail",
    unit="dB",
    digits=2,
    measured_on="luma, whole up to 1 megapixel, else 16 windows of 256 × 256",
    source="own definition; the 1/f² law: Field 1987",
    cost="cheap",
    measure=fine_detail,
)
