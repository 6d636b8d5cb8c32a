"""How noisy the photograph is, from its finest diagonal wavelet coefficients."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen

_ROOT_3 = 3**0.5
_HIGH_PASS = np.array([1 - _ROOT_3, _ROOT_3 - 3, 3 + _ROOT_3, -1 - _ROOT_3]) / (4 * 2**0.5)
"""Daubechies' wavelet with two vanishing moments ("db2"), order and overall sign being without effect here."""
_NORMAL_QUARTILE = 0.6744897501960817  # the median of |x| for a standard normal x


def noise_sigma(photo: Photo) -> float:
    """Robust standard deviation of white noise, grey levels: median |d| / 0.6745 over the non-zero diagonal details d.

    Donoho & Johnstone, "Ideal spatial adaptation by wavelet shrinkage" (1994), section 4.2, on the db2 wavelet: the
    estimator of `skimage.restoration.estimate_sigma`, written out because that needs PyWavelets for these four numbers.
    Taken over all sampled windows together, without their edges. Texture at the pixel level counts as noise, and
    compression that removes the finest details hides it. 0 where no detail is left to measure.
    """
    details = [_diagonal_details(window) for window in photo.windows if min(window.shape) >= 8]
    magnitude = np.abs(np.concatenate(details)) if details else np.empty(0)
    magnitude = magnitude[magnitude > 1e-4]  # exact zeros, up to rounding: flat areas have no noise to tell
    return float(np.median(magnitude)) / _NORMAL_QUARTILE if magnitude.size else 0.0


def _diagonal_details(window: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Every second coefficient both ways, those that need pixels beyond the edge left out."""
    filtered = cv2.sepFilter2D(window, cv2.CV_32F, _HIGH_PASS, _HIGH_PASS)
    return np.asarray(filtered[2:-2:2, 2:-2:2], np.float32).ravel()


SCREEN = Screen(
    name="noise_sigma",
    unit="grey levels",
    digits=2,
    measured_on="luma, whole up to 1 megapixel, else 16 windows of 256 × 256",
    source="Donoho & Johnstone 1994; skimage.restoration.estimate_sigma",
    cost="costly",
    measure=noise_sigma,
)
