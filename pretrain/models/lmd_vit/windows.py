"""Means over the windows of a grid of square windows."""

# ruff: noqa: N803 - shape suffixes are upper case
from __future__ import annotations

from torch import Tensor

from pretrain.models.window import partition


def window_means(values_BHWC: Tensor, side: int, *, shifted: bool) -> Tensor:
    """(B, R, K, C): the mean over each window of `side`×`side` features; R and K rows and columns of windows."""
    return partition(values_BHWC, (side, side), shifted=shifted).mean(dim=3)
