"""From features to the image: the four ways of the authors' code."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pretrain.models import upsampling
from pretrain.models.grl.settings import GRLSettings

INNER = 64
"""Channels between the convolutions of `shuffle` and `nearest` (authors' code)."""


def upsampler(settings: GRLSettings) -> nn.Sequential:
    """(B, width, H, W) → (B, colours, scale·H, scale·W)."""
    width, colours, scale = settings.width, settings.colours, settings.scale
    if settings.upsampler == "none":
        return nn.Sequential(_convolution(width, colours))
    if settings.upsampler == "direct":
        return nn.Sequential(_convolution(width, colours * scale**2), nn.PixelShuffle(scale))
    steps = upsampling.upsampler(INNER, scale) if settings.upsampler == "shuffle" else _repeats()
    return nn.Sequential(_convolution(width, INNER), nn.LeakyReLU(0.01), *steps, _convolution(INNER, colours))


def _repeats() -> Iterator[nn.Module]:
    for _ in range(2):
        yield nn.Upsample(scale_factor=2, mode="nearest")
        yield _convolution(INNER, INNER)
        yield nn.LeakyReLU(0.2)
    yield _convolution(INNER, INNER)
    yield nn.LeakyReLU(0.2)


def _convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)
