"""How close a restored picture is to the clean one: PSNR and SSIM, on RGB, on luma or where it was blurred, in float64.

Every function takes two arrays (H, W) or (H, W, C) of equal shape, of any real dtype, and the `data_range` of their
numbers: 255 for uint8, 1 for floats in [0, 1]. It is never guessed. `border` pixels are cut off each side first.

To match a paper's numbers (a and b are uint8 unless said otherwise):

- PromptIR, AirNet, DyNet (their `utils/val_utils.py`): RGB, the restored picture clipped to [0, 1] and not rounded:
  `psnr(a, b, 1.0)` and `ssim(a, b, 1.0)`. Those codes call scikit-image, whose default is the uniform 7×7 window.
- Restormer, MPRNet on rain (MATLAB's `rgb2ycbcr` of uint8, which rounds): `psnr(y(a), y(b), 255)` and
  `ssim(y(a), y(b), 255, window="gaussian")` with `y = lambda rgb: luma(rgb, 255).round()`.
- BasicSR with `test_y_channel` (SwinIR and many others): the same without `.round()`; super-resolution by s cuts
  `border=s`. On RGB its SSIM is `ssim(a, b, 255, window="gaussian")`.

- LBAG, LMD-ViT on ReLoBlur, inside the blur mask: `weighted_psnr(a, b, mask, 1.0)` and `weighted_ssim(a, b, mask, 1.0)`
  on floats in [0, 1]; LBAG rounds the restored picture to 8 bits first (`(a * 255).round() / 255`), LMD-ViT does not.

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
    _check_side(first.shape, side)
    channels = range(first.shape[2])
    return float(np.mean([_ssim_map(first[..., c], second[..., c], data_range, window).mean() for c in channels]))


def weighted_psnr(a: NDArray[Any], b: NDArray[Any], mask: NDArray[np.bool_], data_range: float) -> float:
    """PSNR in dB of the blurred pixels alone: 10 log10(data_range² / (Σ M (a - b)² / Σ M)).

    M is the mask, the same for every channel. LBAG (Li et al., Real-World Deep Local Motion Deblurring, AAAI 2023) and
    LMD-ViT (arXiv 2306.14268), in the authors' code with a range of 1.

    Args:
        mask: bool (H, W), True = blurred.

    Raises:
        ValueError: as `psnr`; also a mask of another size or type, or an empty one, where 0 / 0 would be asked for.
    """
    first, second = _pair(a, b, data_range, 0)
    _check_mask(mask, first.shape)
    error = float(np.mean(np.square(first - second)[mask]))
    return 10 * math.log10(data_range**2 / error) if error else math.inf


def weighted_ssim(a: NDArray[Any], b: NDArray[Any], mask: NDArray[np.bool_], data_range: float) -> float:
    """Mean structural similarity over the blurred pixels: Σ M' S / Σ M', averaged over the channels.

    S is the map of `ssim` with the 11×11 Gaussian window, one value for every window inside the picture; M' is the
    mask without the 5 pixels of each side where no window is centred. Source as `weighted_psnr`; there the divisor is
    max(Σ M', 1), so that a mask with nothing left has an SSIM of 0. Here that is an error, as nothing was measured.

    Args:
        mask: bool (H, W), True = blurred.

    Raises:
        ValueError: as `ssim`; also a mask of another size or type, or one without a blurred pixel in M'.
    """
    first, second = _pair(a, b, data_range, 0)
    _check_side(first.shape, _GAUSSIAN_SIDE)
    _check_mask(mask, first.shape)
    half = _GAUSSIAN_SIDE // 2
    inside = mask[half:-half, half:-half]
    if not inside.any():
        raise ValueError(f"all blurred pixels of the mask lie within {half} of the edge: SSIM has no window there")
    channels = range(first.shape[2])
    return float(np.mean([_ssim_map(first[..., c], second[..., c], data_range, "gaussian")[inside] for c in channels]))


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


def _check_side(shape: tuple[int, ...], side: int) -> None:
    if min(shape[:2]) < side:
        raise ValueError(f"SSIM with a window of {side}×{side} needs a larger picture than {shape[1]}×{shape[0]}")


def _check_mask(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> None:
    if mask.dtype != np.bool_ or mask.shape != shape[:2]:
        raise ValueError(f"the mask of these pictures is bool {shape[:2]}, not {mask.dtype} {mask.shape}")
    if not mask.any():
        raise ValueError("the mask is empty, so nothing can be weighted by it: leave the picture out, or draw its blur")


def _ssim_map(x: Floats, y: Floats, data_range: float, window: Window) -> Floats:
    """Structural similarity of every window inside the plane: (H - side + 1, W - side + 1)."""
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    unbiased = _UNIFORM_SIDE**2 / (_UNIFORM_SIDE**2 - 1) if window == "uniform" else 1.0
    mean_x, mean_y = _windows(x, window), _windows(y, window)
    var_x = unbiased * (_windows(x * x, window) - mean_x * mean_x)
    var_y = unbiased * (_windows(y * y, window) - mean_y * mean_y)
    covariance = unbiased * (_windows(x * y, window) - mean_x * mean_y)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return np.asarray(luminance * (2 * covariance + c2) / (var_x + var_y + c2))


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
