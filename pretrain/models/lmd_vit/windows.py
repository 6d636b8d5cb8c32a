"""Features cut into windows and put together again.

Shape letters: B pictures, H and W features, C channels, R and K rows and columns of windows, T features of a window in
reading order.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor


def partition(x_BHWC: Tensor, side: int, *, shifted: bool) -> Tensor:
    """(B, R, K, T, C): the windows of `side`×`side` features, T = side².

    The shifted grid (`shifted`) is the plain one after rolling up and left by half a window, so that its last row and
    column of windows join the far edges. H and W are multiples of `side`.
    """
    if shifted:
        x_BHWC = torch.roll(x_BHWC, (-(side // 2), -(side // 2)), (1, 2))
    batch, height, width, channels = x_BHWC.shape
    cut = x_BHWC.reshape(batch, height // side, side, width // side, side, channels)
    return cut.transpose(2, 3).reshape(batch, height // side, width // side, side * side, channels)


def merge(windows_BRKTC: Tensor, side: int, *, shifted: bool) -> Tensor:
    """(B, H, W, C): undoes `partition`."""
    batch, rows, columns, _, channels = windows_BRKTC.shape
    cut = windows_BRKTC.reshape(batch, rows, columns, side, side, channels)
    x_BHWC = cut.transpose(2, 3).reshape(batch, rows * side, columns * side, channels)
    return torch.roll(x_BHWC, (side // 2, side // 2), (1, 2)) if shifted else x_BHWC


def window_means(values_BHWC: Tensor, side: int, *, shifted: bool) -> Tensor:
    """(B, R, K, C): the mean over each window."""
    return partition(values_BHWC, side, shifted=shifted).mean(dim=3)
