"""CARN and CARN-M: light super-resolution by cascades, whose 1×1 convolutions join all that came before.

Source: Ahn et al., "Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual Network", arXiv
1803.08664. One network enlarges by 2, 3 and 4; only the enlarging differs. CARN-M has units of grouped convolutions and
one unit per block, applied three times.

Shape letters: B images, C channels, H height, W width (all of the small image).
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.listing import Listing
from pretrain.models.upsampling import (
    SCALES,
    MeanColour,
    check_scale,
    held_enlarging,
    low_resolution,
    upsampler,
)

STEPS = 3
"""Blocks of the network, and units of a block (paper)."""


@dataclass(frozen=True)
class CARNSettings:
    """What decides CARN's shapes. The defaults are CARN; `efficient` makes it CARN-M."""

    family: Literal["carn"] = field(default="carn", kw_only=True)
    """Of the network: CARN and CARN-M."""
    scale: int = 2
    """Side of the result per side of the input where the call names none: one of `scales`."""
    scales: tuple[int, ...] = SCALES
    """Scales that the network has an enlarging for, each 2, 3 or 4, once (paper: all three, trained together; the
    published numbers of parameters are those of all)."""
    width: int = 64
    """Channels, 1 or more (paper)."""
    efficient: bool = False
    """Whether it is CARN-M: grouped convolutions, and in each block one unit, applied three times (paper)."""
    groups: int = 4
    """Of the grouped convolutions of CARN-M, dividing the width (paper's CARN-M); CARN has none."""

    def __post_init__(self) -> None:
        check_scale(self.scale)
        if not set(self.scales) <= set(SCALES) or len(set(self.scales)) != len(self.scales):
            raise UsageError(f"scales: got {list(self.scales)}, expected some of 2, 3 and 4, each once")
        if self.scale not in self.scales:
            raise UsageError(f"scale: {self.scale} is not among the scales {list(self.scales)}")
        for name in ("width", "groups"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}: got {getattr(self, name)}, expected 1 or more")
        if self.efficient and self.width % self.groups:
            raise UsageError(f"groups: {self.groups} do not divide the {self.width} channels")

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image; see `pretrain.memory`."""
        last_block = 13  # what it and the network have gathered, joined and to be joined
        return self.width * max(last_block, held_enlarging(self.scale)) * height * width


class ResidualUnit(nn.Module):
    """ReLU of x + (convolution, ReLU, convolution). (B, C, H, W) → the same."""

    chain: ClassVar = ("first", "second")
    """Its convolutions in the order they run; each alone reads the one before, activations aside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        change_BCHW: Tensor = self.second(self.first(x_BCHW).relu())
        return (x_BCHW + change_BCHW).relu()


class EfficientUnit(nn.Module):
    """ReLU of x + (two grouped convolutions with ReLU, 1×1 convolution). (B, C, H, W) → the same."""

    chain: ClassVar = ("first", "second", "mix")
    """Its convolutions in the order they run; each alone reads the one before, activations aside."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
        self.mix = nn.Conv2d(channels, channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        change_BCHW: Tensor = self.mix(self.second(self.first(x_BCHW).relu()).relu())
        return (x_BCHW + change_BCHW).relu()


class Cascade(nn.Module):
    """Three steps, after each of which a 1×1 convolution joins its result with all before. (B, C, H, W) → the same.

    Args:
        steps: three, or one that is applied three times.
        channels: C.
    """

    def __init__(self, steps: Sequence[nn.Module], channels: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.joins = nn.ModuleList(nn.Conv2d((i + 2) * channels, channels, 1) for i in range(STEPS))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        gathered = [x_BCHW]
        for index, join in enumerate(self.joins):
            gathered.append(self.steps[index % len(self.steps)](x_BCHW))
            x_BCHW = join(torch.cat(gathered, dim=1)).relu()
        return x_BCHW


class CARN(nn.Module):
    """The network."""

    def __init__(self, settings: CARNSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or CARNSettings()
        width = settings.width
        self.colour = MeanColour()
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.cascade = Cascade([_block(settings) for _ in range(STEPS)], width)
        groups = settings.groups if settings.efficient else 1
        self.enlarge = nn.ModuleDict(
            {str(scale): upsampler(width, scale, groups=groups, relu=True) for scale in settings.scales}
        )
        self.tail = nn.Conv2d(width, 3, 3, padding=1)

    @property
    def scale(self) -> int:
        """Side of the result per side of the input where the call names none."""
        return self.settings.scale

    def forward(self, image_B3HW: Tensor, scale: int | None = None) -> Tensor:
        """Enlarge images.

        Args:
            image_B3HW: (B, 3, H, W) RGB, floating, 0 to 1; any height and width.
            scale: one of the settings' `scales`; None takes the settings' `scale`. The weights that enlarge by
                another scale are not touched.

        Returns:
            (B, 3, scale · H, scale · W), not clamped to 0 to 1.

        Raises:
            UsageError: the network has no enlarging for this scale.
        """
        scale = self.scale if scale is None else scale
        if scale not in self.settings.scales:
            raise UsageError(f"scale: {scale} is not among the scales {list(self.settings.scales)}")
        deep_BCHW = self.cascade(self.head(self.colour.remove(image_B3HW)))
        return self.colour.restore(self.tail(self.enlarge[str(scale)](deep_BCHW)))


def _block(settings: CARNSettings) -> Cascade:
    width = settings.width
    if settings.efficient:
        return Cascade([EfficientUnit(width, settings.groups)], width)
    return Cascade([ResidualUnit(width) for _ in range(STEPS)], width)


def _listing(name: str, settings: CARNSettings, parameters: str | None, macs: str | None) -> Listing:
    return Listing(
        name,
        lambda: CARN(settings),
        f"×{settings.scale}",
        {"width": settings.width, "groups": settings.groups if settings.efficient else 1},
        input=low_resolution(settings.scale),
        published_parameters=parameters,
        published_macs=macs if settings.scale == 2 else None,
    )


LISTED = (
    *(_listing("carn", CARNSettings(scale), None, "222.8G") for scale in SCALES),
    *(_listing("carn-m", CARNSettings(scale, efficient=True), "412K", "91.2G") for scale in SCALES),
)
"""Operations are counted for a result of 720 × 1280, as the paper does."""
