"""How close a restored picture is to the clean one: PSNR and SSIM, on RGB or on luma, all in float64.

Every function takes two arrays (H, W) or (H, W, C) of equal shape, of any real dtype, and the `data_range` of their
numbers: 255 for uint8, 1 for floats in [0, 1]. It is never guessed. `border` pixels are cut off each side first.

To match a paper's numbers (a and b are uint8 unless said otherwise):

- PromptIR, AirNet, DyNet (their `utils/val_utils.py`): RGB, the restored picture clipped to [0, 1] and not rounded:
  `psnr(a, b, 1.0)` and `ssim(a, b, 1.0)`. Those codes call scikit-image, whose default is the uniform 7×7 window.
- Restormer, MPRNet on rain (MATLAB's `rgb2ycbcr` of uint8, which rounds): `psnr(y(a), y(b), 255)` and
  `ssim(y(a), y(b), 255, window="gaussian")` with `y = lambda rgb: luma(rgb, 255).round()`.
- BasicSR with `test_y_channel` (SwinIR and many others): the same without `.round()`; super-resolution by s cuts
  `border=s`. On RGB its SSIM is `ssim(a, b, 255, window="gaussian")`.

On luma, too, papers keep 255 as the peak, although studio-swing luma spans only 219 levels.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Window = Literal["uniform", "gaussian"]
Floats = NDArray[np.float64]

_UNIFORM_SIDE = 7
_GAUSSIAN_SIDE, _GAUSSIAN_SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
_LUMA_WEIGHTS = (65.481, 128.553, 24.966)
_LUMA_OFFSET = 16.0


def psnr(a: NDArray[Any], b: NDArray[Any], data_range: float, *, border: int = 0) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(data_range² / mean squared error), the mean over pixels and channels.

    Equal pictures give `inf`; whoever averages over pictures decides what that shall mean.

    Raises:
        ValueError: shapes differ or are no pictures, a number that is not finite, nothing left inside the border.
    """
    first, second = _pair(a, b, data_range, border)
    error = float(np.mean(np.square(first - second)))
    return 10 * math.log10(data_range**2 / error) if error else math.inf


def ssim(a: NDArray[Any], b: NDArray[Any], data_range: float, *, window: Window = "uniform", border: int = 0) -> float:
    """Mean structural similarity, at most 1 (equal pictures): of each channel, then averaged over the channels.

    Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE Transactions on Image
    Processing 13 (4), 2004, equation 13, with K1 = 0.01 and K2 = 0.03, over windows that lie wholly inside the picture.

    Args:
        window: `gaussian` is the paper's: 11×11 with σ = 1.5, (co)variances as weighted means. `uniform` is 7×7 with
            unbiased (co)variances (divided by 48 instead of 49), scikit-image's default.

    Raises:
        ValueError: as `psnr`; also a picture smaller than the window.
    """
    first, second = _pair(a, b, data_range, border)
    side = _UNIFORM_SIDE if window == "uniform" else _GAUSSIAN_SIDE
    if min(first.shape[:2]) < side:
        height, width = first.shape[:2]
        raise ValueError(f"SSIM with a window of {side}×{side} needs a larger picture than {width}×{height}")
    channels = range(first.shape[2])
    return float(np.mean([_ssim_plane(first[..., c], second[..., c], data_range, window) for c in channels]))


def luma(rgb: NDArray[Any], data_range: float) -> Floats:
    """Luma Y of BT.601 in studio swing, (H, W), on the scale of `rgb`: black is 16/255 and white 235/255 of the range.

    Y = 16 + 65.481 R + 128.553 G + 24.966 B with R, G, B in [0, 1] (ITU-R BT.601, section 2.5; MATLAB's `rgb2ycbcr`),
    times data_range / 255. Not rounded.

    Raises:
        ValueError: not (H, W, 3).
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"luma is of RGB pictures (H, W, 3), not of shape {rgb.shape}")
    _check_range(data_range)
    unit = rgb.astype(np.float64) / data_range
    return np.asarray((unit @ np.array(_LUMA_WEIGHTS) + _LUMA_OFFSET) * (data_range / 255))


def _pair(a: NDArray[Any], b: NDArray[Any], data_range: float, border: int) -> tuple[Floats, Floats]:
    """Both pictures as float64 (H, W, C), cut."""
    if a.shape != b.shape:
        raise ValueError(f"pictures to compare must have one shape, not {a.shape} and {b.shape}")
    if a.ndim not in (2, 3):
        raise ValueError(f"a picture has the shape (H, W) or (H, W, C), not {a.shape}")
    _check_range(data_range)
    if border < 0 or 2 * border >= min(a.shape[:2]):
        raise ValueError(f"a border of {border} pixels leaves nothing of {a.shape[1]}×{a.shape[0]}")
    inside = slice(border, -border or None)
    first, second = (np.atleast_3d(picture[inside, inside]).astype(np.float64) for picture in (a, b))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a picture holds numbers that are not finite")
    return first, second


def _check_range(data_range: float) -> None:
    if not (math.isfinite(data_range) and data_range > 0):
        raise ValueError(f"data_range is the largest value minus the smallest possible, not {data_range}")


def _ssim_plane(x: Floats, y: Floats, data_range: float, window: Window) -> float:
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    unbiased = _UNIFORM_SIDE**2 / (_UNIFORM_SIDE**2 - 1) if window == "uniform" else 1.0
    mean_x, mean_y = _windows(x, window), _windows(y, window)
    var_x = unbiased * (_windows(x * x, window) - mean_x * mean_x)
    var_y = unbiased * (_windows(y * y, window) - mean_y * mean_y)
    covariance = unbiased * (_windows(x * y, window) - mean_x * mean_y)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (var_x + var_y + c2)))


def _windows(plane: Floats, window: Window) -> Floats:
    """Weighted means of all windows inside the plane: (H - side + 1, W - side + 1)."""
    import cv2

    if window == "uniform":
        side = _UNIFORM_SIDE
        means = cv2.boxFilter(plane, cv2.CV_64F, (side, side))
    else:
        side = _GAUSSIAN_SIDE
        means = cv2.GaussianBlur(plane, (side, side), _GAUSSIAN_SIGMA)
    half = side // 2
    return np.asarray(means[half:-half, half:-half])
