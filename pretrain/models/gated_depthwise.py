"""Depthwise 3×3 convolutions: the memory-bound heart of the transformer block, plainly and as fused GPU kernels.

Source: Zamir et al., "Restormer", arXiv 2111.09881: the gated feed-forward of equation (2), GELU(W_d^1 x) ⊙ W_d^2 x,
and the convolution before channel attention, whose result is split into q, k and v; W_d are depthwise 3×3, no bias.

The kernels (`pretrain.models.kernels`, Triton) are used for pictures in float32, bfloat16 and float16 on a CUDA device
where the triton package is, and the plain form everywhere else. The plain form is the reference they are tested
against. What the kernels do better, and why pictures are NCHW, is in docs/gpu.md.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from million_ird.errors import UsageError

Kernel = Literal["auto", "plain"]
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def _operators() -> ModuleType | None:
    if importlib.util.find_spec("triton") is None:
        return None
    from pretrain.models.kernels import operators

    return operators


_OPERATORS = _operators()
_kernel: Kernel = "auto"


def choose_kernel(kernel: Kernel) -> None:
    """Which form the whole process uses from now on: "auto", the kernels where they run, or "plain".

    A compiled model is compiled anew when this changes.

    Raises:
        UsageError: another word.
    """
    global _kernel
    if kernel not in ("auto", "plain"):
        raise UsageError(f'kernel: got {kernel!r}, expected "auto" or "plain"')
    _kernel = kernel


def gated_depthwise(x_BCHW: Tensor, weight_C133: Tensor) -> Tensor:
    """GELU(first half of the channels) × second half, after a depthwise 3×3 convolution with zero padding.

    Args:
        x_BCHW: (B, 2h, H, W), floating.
        weight_C133: (2h, 1, 3, 3), floating; used in its own precision by the kernels, in x's by the plain form.

    Returns:
        (B, h, H, W) of the type of x, or of autocast where it is on. GELU is the exact one (with erf).
    """
    x_BCHW = _autocast(x_BCHW)
    if _OPERATORS is not None and _kernel == "auto" and _runs_on(x_BCHW, weight_C133):
        result: Tensor = _OPERATORS.gated_depthwise(x_BCHW, weight_C133)
        return result
    return plain_gated_depthwise(x_BCHW, weight_C133)


def depthwise_thirds(x_BCHW: Tensor, weight_C133: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three thirds of the channels after a depthwise 3×3 convolution with zero padding: q, k and v of attention.

    Args:
        x_BCHW: (B, 3c, H, W), floating.
        weight_C133: (3c, 1, 3, 3), floating; see `gated_depthwise`.

    Returns:
        three times (B, c, H, W) of the type of x, or of autocast where it is on. The kernels lay each third out
        contiguously, so that matrix products take them as they are.
    """
    x_BCHW = _autocast(x_BCHW)
    if _OPERATORS is not None and _kernel == "auto" and _runs_on(x_BCHW, weight_C133):
        first, second, third = _OPERATORS.depthwise_thirds(x_BCHW, weight_C133)
        return first, second, third
    return plain_depthwise_thirds(x_BCHW, weight_C133)


def plain_gated_depthwise(x_BCHW: Tensor, weight_C133: Tensor) -> Tensor:
    """`gated_depthwise` in PyTorch's own operations."""
    gate, value = _convolve(x_BCHW, weight_C133).chunk(2, dim=1)
    return functional.gelu(gate) * value


def plain_depthwise_thirds(x_BCHW: Tensor, weight_C133: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`depthwise_thirds` in PyTorch's own operations."""
    first, second, third = _convolve(x_BCHW, weight_C133).chunk(3, dim=1)
    return first, second, third


def _convolve(x_BCHW: Tensor, weight_C133: Tensor) -> Tensor:
    return functional.conv2d(x_BCHW, weight_C133.to(x_BCHW.dtype), padding=1, groups=x_BCHW.shape[1])


def _runs_on(x_BCHW: Tensor, weight_C133: Tensor) -> bool:
    return _on_cuda(x_BCHW) and x_BCHW.dtype in _DTYPES and weight_C133.dtype in _DTYPES


def _on_cuda(tensor: Tensor) -> bool:
    return tensor.is_cuda


def _autocast(x_BCHW: Tensor) -> Tensor:
    """x in the precision in which autocast, if it is on, runs convolutions."""
    device = x_BCHW.device.type
    if x_BCHW.dtype in _DTYPES and torch.is_autocast_enabled(device):
        return x_BCHW.to(torch.get_autocast_dtype(device))
    return x_BCHW
