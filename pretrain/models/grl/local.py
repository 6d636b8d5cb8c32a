"""The local branch: two convolutions and attention between channels."""

# ruff: noqa: N803 - shape suffixes are upper case
from __future__ import annotations

from torch import Tensor, nn

COMPRESSION = 4
"""Channels per channel between the two convolutions (authors' code)."""
REDUCTION = 18
"""Channels per hidden unit of channel attention (authors' code)."""


class LocalBranch(nn.Module):
    """3×3 convolution, GELU, 3×3 convolution, channels weighted by what their means over the image say (authors' code).

    (B, C, H, W) → the same. Whole-image statistics: `weights` looks at the mean of each channel over the image (the
    padded one).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner, hidden = channels // COMPRESSION, channels // REDUCTION
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, inner, 3, padding=1), nn.GELU(), nn.Conv2d(inner, channels, 3, padding=1)
        )
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        features: Tensor = self.convolutions(x_BCHW)
        weighted: Tensor = features * self.weights(features)
        return weighted
