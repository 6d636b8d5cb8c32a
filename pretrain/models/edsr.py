"""EDSR: a plain residual network for super-resolution; full and baseline.

Source: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", arXiv 1707.02921, with the
configuration of GhostSR's authors' code (32 blocks, 256 channels, changes × 0.1, 8-bit levels inside).

    shallow = head(image − mean)
    result  = tail(enlarge(shallow + last(blocks(shallow)))) + mean

Shape letters: B images, C channels, H height, W width (all of the small image).
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.limits import check_blocks
from pretrain.models.listing import Listing
from pretrain.models.upsampling import (
    SCALES,
    MeanColour,
    check_scale,
    held_enlarging,
    low_resolution,
    upsampler,
)

LEVELS = 255.0
"""White inside the network: the published network counts in 8-bit levels."""


@dataclass(frozen=True)
class EDSRSettings:
    """What decides EDSR's shapes. The defaults are the full network; `baseline` gives the small one."""

    family: Literal["edsr"] = field(default="edsr", kw_only=True)
    """Of the network: EDSR."""
    scale: int = 2
    """Side of the result per side of the input: 2, 3 or 4 (paper)."""
    width: int = 256
    """Channels, 1 or more (paper; baseline 64)."""
    blocks: int = 32
    """Residual blocks, 1 to 1000 (paper; baseline 16)."""
    residual_scale: float = 0.1
    """What a block's change is multiplied by before it is added, above 0 (paper; baseline 1)."""

    def __post_init__(self) -> None:
        check_scale(self.scale)
        if self.width < 1:
            raise UsageError(f"width: got {self.width}, expected 1 or more")
        check_blocks("blocks", self.blocks)
        if not 0 < self.residual_scale < math.inf:
            raise UsageError(f"residual_scale: got {self.residual_scale}, expected a number above 0")

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image; see `pretrain.memory`."""
        return self.width * held_enlarging(self.scale) * height * width


def baseline(scale: int) -> EDSRSettings:
    """EDSR-baseline of the paper: 16 blocks of 64 channels, their changes not scaled."""
    return EDSRSettings(scale, width=64, blocks=16, residual_scale=1.0)


class ResidualBlock(nn.Module):
    """x + residual_scale · (convolution, ReLU, convolution), without norms. (B, C, H, W) → the same."""

    chain: ClassVar = ("first", "second")
    """Its convolutions in the order they run; each alone reads the one before, activations aside."""

    def __init__(self, channels: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        change_BCHW: Tensor = self.second(self.first(x_BCHW).relu())
        return x_BCHW + change_BCHW * self.residual_scale


class EDSR(nn.Module):
    """The network. Local: a pixel depends on those within some 2 · blocks + 6 small pixels."""

    def __init__(self, settings: EDSRSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or EDSRSettings()
        width = settings.width
        self.colour = MeanColour(LEVELS)
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(width, settings.residual_scale) for _ in range(settings.blocks)))
        self.last = nn.Conv2d(width, width, 3, padding=1)
        self.enlarge = upsampler(width, settings.scale)
        self.tail = nn.Conv2d(width, 3, 3, padding=1)

    @property
    def scale(self) -> int:
        """Side of the result per side of the input."""
        return self.settings.scale

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Enlarge images.

        Args:
            image_B3HW: (B, 3, H, W) RGB, floating, 0 to 1; any height and width.

        Returns:
            (B, 3, scale · H, scale · W), not clamped to 0 to 1.
        """
        shallow_BCHW = self.head(self.colour.remove(image_B3HW))
        deep_BCHW = shallow_BCHW + self.last(self.blocks(shallow_BCHW))
        return self.colour.restore(self.tail(self.enlarge(deep_BCHW)))


def _listing(name: str, settings: EDSRSettings) -> Listing:
    return Listing(
        name,
        lambda: EDSR(settings),
        f"×{settings.scale}",
        {"width": settings.width, "blocks": settings.blocks},
        input=low_resolution(settings.scale),
    )


LISTED = (
    *(_listing("edsr", EDSRSettings(scale)) for scale in SCALES),
    *(_listing("edsr-baseline", baseline(scale)) for scale in SCALES),
)
"""Operations are counted for a result of 720 × 1280."""
