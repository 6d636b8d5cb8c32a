"""Features cut into rectangular windows, on a grid that may be shifted, and put together again.

Source: Liu et al., "Swin Transformer", arXiv 2103.14030, section 3.2 (the shifted grid as a cyclic roll).

Shape letters: B images, H and W features, C channels, R and K rows and columns of windows, T features of a window in
reading order.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor

Size = tuple[int, int]
"""Height and width in features."""


def partition(x_BHWC: Tensor, size: Size, *, shifted: bool = False) -> Tensor:
    """(B, R, K, T, C): the windows of `size`; H and W are multiples of its sides.

    The shifted grid is the plain one after rolling up and left by half a window (rounded down), so that the windows of
    its last row and column join features from far edges of the image.
    """
    if shifted:
        x_BHWC = torch.roll(x_BHWC, (-(size[0] // 2), -(size[1] // 2)), (1, 2))
    batch, height, width, channels = x_BHWC.shape
    rows, columns = height // size[0], width // size[1]
    cut = x_BHWC.reshape(batch, rows, size[0], columns, size[1], channels)
    return cut.transpose(2, 3).reshape(batch, rows, columns, size[0] * size[1], channels)


def merge(windows_BRKTC: Tensor, size: Size, *, shifted: bool = False) -> Tensor:
    """(B, H, W, C): undoes `partition`."""
    batch, rows, columns, _, channels = windows_BRKTC.shape
    cut = windows_BRKTC.reshape(batch, rows, columns, *size, channels)
    x_BHWC = cut.transpose(2, 3).reshape(batch, rows * size[0], columns * size[1], channels)
    return torch.roll(x_BHWC, (size[0] // 2, size[1] // 2), (1, 2)) if shifted else x_BHWC


def joined_regions(size: Size, *, last_row: bool, last_column: bool, device: torch.device) -> Tensor:
    """(T,): which features of a window of the shifted grid were neighbours before the roll: those of equal number.

    Args:
        size: of the window.
        last_row: the window is in the last row of windows, so its lower half is from the top of the image.
        last_column: it is in the last column, so its right half is from the left of the image.
        device: where the result is wanted.
    """
    from_top, from_left = (
        (torch.arange(side, device=device) >= side - side // 2) & last
        for side, last in zip(size, (last_row, last_column), strict=True)
    )
    return (2 * from_top[:, None] + from_left[None, :].int()).flatten()
