"""What networks of super-resolution share: enlarging by channels into pixels, and the average colour of DIV2K.

Source of the enlarging: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", arXiv 1609.05158, as EDSR uses it (×4 as twice ×2).
"""

# ruff: noqa: N803 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError

SCALES = (2, 3, 4)
"""Sides of the result per side of the input that can be had."""
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Average RGB of DIV2K's training images, 0 to 1 (codes of the authors of EDSR, CARN and GhostSR)."""


def upsampler(channels: int, scale: int, *, groups: int = 1, relu: bool = False) -> nn.Sequential:
    """(B, C, H, W) → (B, C, scale · H, scale · W), for scale 2, 3 or 4.

    A 3×3 convolution to scale² times the channels, which become pixels; for 4 twice that of 2.

    Args:
        channels: C.
        scale: side of the result per side of the input.
        groups: of the convolutions.
        relu: whether a ReLU stands between a convolution and the pixels (CARN).
    """
    layers: list[nn.Module] = []
    for step in [2, 2] if scale == 4 else [scale]:
        layers.append(nn.Conv2d(channels, channels * step**2, 3, padding=1, groups=groups))
        layers += [nn.ReLU(), nn.PixelShuffle(step)] if relu else [nn.PixelShuffle(step)]
    return nn.Sequential(*layers)


def held_enlarging(scale: int) -> float:
    """Times its channels what a pixel takes while it becomes scale² pixels, the last time of perhaps two: channels
    before and after they are turned into pixels, and what went in."""
    return 2 * scale**2 + 2


def check_scale(scale: int) -> None:
    """Whether `scale` is one of `SCALES`.

    Raises:
        UsageError: it is not.
    """
    if scale not in SCALES:
        raise UsageError(f"scale: got {scale}, expected 2, 3 or 4")


def low_resolution(scale: int) -> tuple[int, int]:
    """Height and width of the image that is enlarged to 720 × 1280, rounded down: what papers count operations for."""
    return 720 // scale, 1280 // scale


class MeanColour(nn.Module):
    """`DIV2K_MEAN` and the units a network computes in. It has no parameters and nothing in the checkpoint.

    Args:
        levels: of white in the network's units; 255 where the published network counts in 8-bit levels.
    """

    mean_311: Tensor

    def __init__(self, levels: float = 1.0) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("mean_311", torch.tensor(DIV2K_MEAN).view(3, 1, 1), persistent=False)

    def remove(self, image_B3HW: Tensor) -> Tensor:
        """0 to 1 → the network's units around the average colour."""
        return (image_B3HW - self.mean_311) * self.levels

    def restore(self, x_B3HW: Tensor) -> Tensor:
        """The inverse of `remove`; in float32 under autocast, since the average is."""
        return x_B3HW / self.levels + self.mean_311
