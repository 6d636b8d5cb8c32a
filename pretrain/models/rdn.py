"""RDN: residual dense blocks, in which every convolution reads all those before it.

Source: Zhang et al., "Residual Dense Network for Image Super-Resolution", arXiv 1802.08797: 16 blocks of 8 growing
convolutions of 64 channels.

    shallow = first(image)
    levels  = block 1(second(shallow)), block 2(block 1), …
    result  = tail(enlarge(fuse(levels joined) + shallow))

Shape letters: B images, C channels, H height, W width (all of the small image).
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.limits import check_blocks
from pretrain.models.listing import Listing
from pretrain.models.upsampling import SCALES, check_scale, held_enlarging, low_resolution, upsampler


@dataclass(frozen=True)
class RDNSettings:
    """What decides RDN's shapes."""

    family: Literal["rdn"] = field(default="rdn", kw_only=True)
    """Of the network: RDN."""
    scale: int = 2
    """Side of the result per side of the input: 2, 3 or 4 (paper)."""
    blocks: int = 16
    """Residual dense blocks, 1 or more (paper: D). Times `layers` at most 1000."""
    layers: int = 8
    """Growing convolutions in each, 1 or more (paper: C)."""
    growth: int = 64
    """Channels that each of them adds, 1 or more (paper: G)."""
    width: int = 64
    """Channels between the blocks, 1 or more (paper: G0)."""

    def __post_init__(self) -> None:
        check_scale(self.scale)
        for name in ("blocks", "layers", "growth", "width"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: got {getattr(self, name)}, expected 1 or more")
        check_blocks("blocks", self.blocks * self.layers)

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image; see `pretrain.memory`."""
        gathered = self.blocks * self.width
        last_block = 2 * self.width + 2 * (self.width + self.layers * self.growth)
        enlarging = self.width * held_enlarging(self.scale)
        return max(gathered + last_block, 2 * gathered + 3 * self.width, gathered + enlarging) * height * width


class GrowingConvolution(nn.Module):
    """x, and the ReLU of a convolution of x beside it. (B, C, H, W) → (B, C + growth, H, W)."""

    chain: ClassVar = ("convolution",)
    """Its convolutions in the order they run."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, growth, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.cat([x_BCHW, self.convolution(x_BCHW).relu()], dim=1)


class ResidualDenseBlock(nn.Module):
    """x + fusion of what the growing convolutions gather. (B, C, H, W) → the same."""

    def __init__(self, settings: RDNSettings) -> None:
        super().__init__()
        width, growth = settings.width, settings.growth
        self.layers = nn.Sequential(*(GrowingConvolution(width + i * growth, growth) for i in range(settings.layers)))
        self.fuse = nn.Conv2d(width + settings.layers * growth, width, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        change_BCHW: Tensor = self.fuse(self.layers(x_BCHW))
        return x_BCHW + change_BCHW


class RDN(nn.Module):
    """The network. It reads the image as it is, 0 to 1, without taking an average colour away (ours)."""

    def __init__(self, settings: RDNSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or RDNSettings()
        width = settings.width
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualDenseBlock(settings) for _ in range(settings.blocks))
        self.fuse = nn.Sequential(nn.Conv2d(settings.blocks * width, width, 1), nn.Conv2d(width, width, 3, padding=1))
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
        shallow_BCHW = self.first(image_B3HW)
        x_BCHW, levels = self.second(shallow_BCHW), []
        for block in self.blocks:
            x_BCHW = block(x_BCHW)
            levels.append(x_BCHW)
        deep_BCHW = self.fuse(torch.cat(levels, dim=1)) + shallow_BCHW
        result: Tensor = self.tail(self.enlarge(deep_BCHW))
        return result


def _listing(settings: RDNSettings) -> Listing:
    return Listing(
        "rdn",
        lambda: RDN(settings),
        f"×{settings.scale}",
        {"blocks": settings.blocks, "layers": settings.layers},
        input=low_resolution(settings.scale),
    )


LISTED = tuple(_listing(RDNSettings(scale)) for scale in SCALES)
"""Operations are counted for a result of 720 × 1280."""
