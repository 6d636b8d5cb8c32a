"""PSNR and SSIM inside a blur mask, against a slow implementation that knows nothing of the fast one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from million_ird.metrics import psnr, ssim, weighted_psnr, weighted_ssim

Mask = NDArray[np.bool_]


def _case(seed: int, height: int, width: int, share: float) -> tuple[NDArray[Any], NDArray[Any], Mask]:
    """Two related pictures in [0, 1] and a mask with at least one blurred pixel in its middle."""
    rng = np.random.default_rng(seed)
    a = rng.random((height, width, 3))
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1)
    mask = rng.random((height, width)) < share
    mask[height // 2, width // 2] = True
    return a, b, mask


def _slow_psnr(a: NDArray[Any], b: NDArray[Any], mask: Mask) -> float:
    above = below = 0.0
    for y, x, c in np.ndindex(a.shape):
        weight = 1.0 if mask[y, x] else 0.0
        above += weight * (a[y, x, c] - b[y, x, c]) ** 2
        below += weight
    return 10 * math.log10(1 / (above / below))


def _slow_ssim(a: NDArray[Any], b: NDArray[Any], mask: Mask) -> float:
    """Window after window, (co)variances from their definition as weighted means of deviations."""
    ticks = np.arange(11) - 5.0
    kernel = np.exp(-(ticks[:, None] ** 2 + ticks[None, :] ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    above = below = 0.0
    for c in range(3):
        for y in range(5, a.shape[0] - 5):
            for x in range(5, a.shape[1] - 5):
                p, q = (picture[y - 5 : y + 6, x - 5 : x + 6, c] for picture in (a, b))
                mean_p, mean_q = (kernel * p).sum(), (kernel * q).sum()
                variances = (kernel * (p - mean_p) ** 2).sum() + (kernel * (q - mean_q) ** 2).sum()
                covariance = (kernel * (p - mean_p) * (q - mean_q)).sum()
                luminance = (2 * mean_p * mean_q + 0.01**2) / (mean_p**2 + mean_q**2 + 0.01**2)
                weight = float(mask[y, x])
                above += weight * luminance * (2 * covariance + 0.03**2) / (variances + 0.03**2)
                below += weight
    return above / max(below, 1)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(11, 18), st.integers(11, 18), st.floats(0.02, 1))
def test_both_are_what_the_definition_says(seed: int, height: int, width: int, share: float) -> None:
    a, b, mask = _case(seed, height, width, share)
    assert weighted_psnr(a, b, mask, 1.0) == pytest.approx(_slow_psnr(a, b, mask), abs=1e-9)
    assert weighted_ssim(a, b, mask, 1.0) == pytest.approx(_slow_ssim(a, b, mask), abs=1e-9)


def test_a_full_mask_is_the_plain_metric() -> None:
    a, b, mask = _case(1, 20, 27, 1.0)
    assert weighted_psnr(a, b, mask, 1.0) == pytest.approx(psnr(a, b, 1.0))
    assert weighted_ssim(a, b, mask, 1.0) == pytest.approx(ssim(a, b, 1.0, window="gaussian"))


def test_only_the_pixels_of_the_mask_count() -> None:
    a, b, _ = _case(2, 40, 40, 0)
    mask = np.zeros((40, 40), bool)
    mask[12:18, 12:18] = True
    far = b.copy()
    far[30:] = 0  # further away than half a window of SSIM
    assert weighted_psnr(a, far, mask, 1.0) == weighted_psnr(a, b, mask, 1.0)
    assert weighted_ssim(a, far, mask, 1.0) == pytest.approx(weighted_ssim(a, b, mask, 1.0))
    assert weighted_psnr(a, far, ~mask, 1.0) < weighted_psnr(a, b, ~mask, 1.0)


def test_the_range_is_the_callers() -> None:
    a, b, mask = _case(3, 16, 16, 0.5)
    assert weighted_psnr(a * 255, b * 255, mask, 255) == pytest.approx(weighted_psnr(a, b, mask, 1.0))
    assert weighted_ssim(a * 255, b * 255, mask, 255) == pytest.approx(weighted_ssim(a, b, mask, 1.0))


def test_pictures_that_are_equal_inside_the_mask() -> None:
    a, b, mask = _case(4, 30, 30, 0.3)
    b[mask] = a[mask]
    assert weighted_psnr(a, b, mask, 1.0) == math.inf
    assert weighted_ssim(a, a, mask, 1.0) == pytest.approx(1.0)


def test_an_empty_mask_is_an_error_and_says_what_to_do() -> None:
    a, b, mask = _case(5, 16, 16, 0.5)
    for measure in (weighted_psnr, weighted_ssim):
        with pytest.raises(ValueError, match=r"mask is empty.*leave the picture out"):
            measure(a, b, mask & False, 1.0)


def test_blur_at_the_very_edge_has_no_ssim_but_a_psnr() -> None:
    a, b, mask = _case(6, 20, 20, 0)
    mask[:] = False
    mask[4, :] = True
    assert math.isfinite(weighted_psnr(a, b, mask, 1.0))
    with pytest.raises(ValueError, match="within 5 of the edge"):
        weighted_ssim(a, b, mask, 1.0)
    mask[5, 5] = True
    assert -1 <= weighted_ssim(a, b, mask, 1.0) <= 1


@pytest.mark.parametrize("mask", [np.ones((16, 17), bool), np.ones((16, 16), np.uint8), np.ones((16, 16, 3), bool)])
def test_a_mask_that_does_not_fit_is_refused(mask: NDArray[Any]) -> None:
    a, b, _ = _case(7, 16, 16, 0.5)
    for measure in (weighted_psnr, weighted_ssim):
        with pytest.raises(ValueError, match="mask of these pictures is bool"):
            measure(a, b, mask, 1.0)


def test_a_picture_smaller_than_the_window_is_refused() -> None:
    a, b, mask = _case(8, 10, 30, 0.5)
    with pytest.raises(ValueError, match="larger picture than 30×10"):
        weighted_ssim(a, b, mask, 1.0)
