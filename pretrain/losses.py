"""Losses between a restored picture and the clean one: L1, Charbonnier, structural similarity, and L1 of
the spectra.

Pictures are (B, C, H, W), range 0 to 1, float32 or better (out of autocast). Where a weight is given, (B, 1, H, W) of 0
or more, losses of pixels are weighted means over the whole batch; where all weights are 0 they are 0.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from million_ird.errors import UsageError

_SIDE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_ROUNDING = 1e-3
_SSIM_WEIGHT, _FREQUENCY_WEIGHT = 1.0, 0.1


def l1_loss(restored_BCHW: Tensor, clean_BCHW: Tensor, weight_B1HW: Tensor | None = None) -> Tensor:
    """Mean absolute difference."""
    return _mean((restored_BCHW - clean_BCHW).abs(), weight_B1HW)


def charbonnier_loss(restored_BCHW: Tensor, clean_BCHW: Tensor, weight_B1HW: Tensor | None = None) -> Tensor:
    """Mean of √(difference² + 10⁻⁶): L1 with a round bottom (Charbonnier et al., Two Deterministic Half-Quadratic
    Regularization Algorithms for Computed Imaging, ICIP 1994; 10⁻³ squared as restoration networks have it)."""
    return _mean(torch.sqrt((restored_BCHW - clean_BCHW) ** 2 + _ROUNDING**2), weight_B1HW)


def ssim(restored_BCHW: Tensor, clean_BCHW: Tensor, weight_B1HW: Tensor | None = None) -> Tensor:
    """Mean structural similarity, at most 1: `million_ird.metrics.ssim` with the Gaussian window, differentiable.

    Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, IEEE Transactions on Image
    Processing 13 (4), 2004, equation 13, over windows of 11×11 that lie wholly inside the picture; a window has the
    weight of its centre.

    Raises:
        UsageError: a picture smaller than a window.
    """
    if min(restored_BCHW.shape[-2:]) < _SIDE:
        sides = " × ".join(map(str, restored_BCHW.shape[-2:]))
        raise UsageError(f"loss.kind: SSIM needs pictures of {_SIDE} pixels a side or more, not {sides}")
    parts = (restored_BCHW, clean_BCHW, restored_BCHW**2, clean_BCHW**2, restored_BCHW * clean_BCHW)
    a, b, aa, bb, ab = (_smooth(part) for part in parts)
    variance_a, variance_b, covariance = aa - a**2, bb - b**2, ab - a * b
    luminance = (2 * a * b + _C1) / (a**2 + b**2 + _C1)
    structure = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
    edge = slice(_SIDE // 2, -(_SIDE // 2))
    return _mean(luminance * structure, None if weight_B1HW is None else weight_B1HW[..., edge, edge])


def frequency_loss(restored_BCHW: Tensor, clean_BCHW: Tensor) -> Tensor:
    """Mean magnitude of the difference of the spectra, as `torch.fft.rfft2` gives them (half plane, not normalised)."""
    spectra: Tensor = torch.fft.rfft2(restored_BCHW - clean_BCHW)
    return spectra.abs().mean()


def deblurring_loss(restored_BCHW: Tensor, clean_BCHW: Tensor, weight_B1HW: Tensor | None = None) -> Tensor:
    """1.0 · L1 + 1.0 · (1 - SSIM) + 0.1 · L1 of the spectra: LMD-ViT's reconstruction loss (authors' calc_losses).

    0 where the pictures are equal. (The authors' is lower by 1, which has no gradient: but what is compared with
    multiples of itself, as `pretrain.guard` does, must not be negative.) The weight, such as a mask of what is blurred,
    acts on the first two; the spectra are of the whole picture.
    """
    of_pixels = l1_loss(restored_BCHW, clean_BCHW, weight_B1HW)
    unlike = 1.0 - ssim(restored_BCHW, clean_BCHW, weight_B1HW)
    return of_pixels + _SSIM_WEIGHT * unlike + _FREQUENCY_WEIGHT * frequency_loss(restored_BCHW, clean_BCHW)


def _smooth(x_BCHW: Tensor) -> Tensor:
    """Gaussian means over the windows inside the picture: (B, C, H - 10, W - 10)."""
    channels = x_BCHW.shape[1]
    at = torch.arange(_SIDE, dtype=x_BCHW.dtype, device=x_BCHW.device) - _SIDE // 2
    kernel = torch.exp(-(at**2) / (2 * _SIGMA**2))
    kernel_C11 = (kernel / kernel.sum()).expand(channels, 1, 1, _SIDE)
    rows = functional.conv2d(x_BCHW, kernel_C11, groups=channels)
    return functional.conv2d(rows, kernel_C11.transpose(2, 3), groups=channels)


def _mean(values_BCHW: Tensor, weight_B1HW: Tensor | None) -> Tensor:
    if weight_B1HW is None:
        return values_BCHW.mean()
    weight_B1HW = weight_B1HW.to(values_BCHW.dtype)
    total = weight_B1HW.sum() * values_BCHW.shape[1]
    return (values_BCHW * weight_B1HW).sum() / total.clamp_min(torch.finfo(total.dtype).tiny)
