"""How many multiply-accumulates one pass takes, from shapes alone, and how the table of networks lists GRL.

`pretrain.models.operations.count_macs` gives the same numbers without the position tables, by following all operators
of a pass; for the base network that takes seconds.
"""

from __future__ import annotations

from typing import Literal

from torch import nn

from pretrain.models.grl.block import Block, Stage
from pretrain.models.grl.coordinates import PositionBias
from pretrain.models.grl.network import GRL
from pretrain.models.grl.settings import SizeName, TaskName, preset
from pretrain.models.listing import Listing
from pretrain.models.operations import Macs


def count(model: nn.Module, height: int, width: int) -> Macs:
    """Multiply-accumulates of one pass over one image of height × width pixels, position tables included.

    The tables do not depend on the image, and at inference are made once: `position_macs` says how much that saves.
    """
    if not isinstance(model, GRL):
        raise TypeError(f"got a {type(model).__name__}, expected a GRL")
    multiple = model.settings.multiple
    pixels = (height + -height % multiple) * (width + -width % multiple)
    total = Macs(convolutions=(_weights(model.first) + _weights(model.last)) * pixels, linears=position_macs(model))
    total += _upsampling(model.upsampler, pixels)
    for part in model.stages.modules():
        if isinstance(part, Stage):
            total += Macs(convolutions=_weights(part.convolution) * pixels)
        elif isinstance(part, Block):
            total += _block(part, pixels)
    return total


def position_macs(model: nn.Module) -> int:
    """Multiply-accumulates of making all position tables of a network once."""
    return sum(part.macs for part in model.modules() if isinstance(part, PositionBias))


def _weights(part: nn.Module) -> int:
    """Those of its linear maps and convolutions, without biases."""
    return sum(inner.weight.numel() for inner in part.modules() if isinstance(inner, nn.Linear | nn.Conv2d))


def _upsampling(steps: nn.Sequential, pixels: int) -> Macs:
    total = Macs()
    for step in steps:
        total += Macs(convolutions=_weights(step) * pixels)
        if isinstance(step, nn.PixelShuffle):
            pixels *= step.upscale_factor**2
        elif isinstance(step, nn.Upsample):
            pixels *= 4
    return total


def _block(block: Block, pixels: int) -> Macs:
    """Linear maps, attention (C · (pixels of a window + 2 · anchors of a stripe) per pixel) and the local branch."""
    mixed = block.attention
    width, factor = mixed.mix.in_features, mixed.anchor_factor
    anchors = mixed.stripe.anchors[0] * mixed.stripe.anchors[1]
    per_pixel = _weights(mixed.qkv) + _weights(mixed.mix) + _weights(block.feed_forward)
    total = Macs(
        linears=per_pixel * pixels + _weights(mixed.anchor) * pixels // factor**2,
        attention=width * (mixed.window.size[0] ** 2 + 2 * anchors) * pixels,
    )
    if block.local is not None:
        total += Macs(convolutions=_weights(block.local.convolutions) * pixels + _weights(block.local.weights))
    return total


def _listing(
    size: SizeName,
    task: TaskName,
    scale: Literal[1, 2, 3, 4],
    side: int,
    published_parameters: str,
    published_macs: str | None = None,
) -> Listing:
    settings = preset(size, task, scale)
    return Listing(
        "grl",
        lambda: GRL(settings),
        f"{size} {task}" + (f" ×{scale}" if scale > 1 else ""),
        {"window": settings.window, "stripe": settings.stripe, "anchor_factor": settings.anchor_factor},
        input=(side, side),
        published_parameters=published_parameters,
        published_macs=published_macs,
        count=count,
    )


LISTED = (
    _listing("tiny", "sr", 2, 64, "885,420", "9.93 G"),
    _listing("tiny", "sr", 3, 64, "894,075"),
    _listing("tiny", "sr", 4, 64, "906,192", "10.01 G"),
    _listing("tiny", "dn", 1, 128, "880,227", "34.03 G"),
    _listing("small", "sr", 2, 64, "3,340,003", "26.02 G"),
    _listing("small", "sr", 3, 64, "3,524,643"),
    _listing("small", "sr", 4, 64, "3,487,715", "28.52 G"),
    _listing("small", "dn", 1, 128, "3,120,227", "90.49 G"),
    _listing("small", "jpeg", 1, 144, "3,120,227", "170.4 G"),
    _listing("small", "demosaic", 1, 128, "3,120,227"),
    _listing("base", "sr", 2, 64, "20,053,587"),
    _listing("base", "sr", 3, 64, "20,238,227"),
    _listing("base", "sr", 4, 64, "20,201,299", "173.0 G"),
    _listing("base", "dn", 1, 128, "19,805,263"),
    _listing("base", "motion", 1, 96, "19,805,263"),
    _listing("base", "defocus", 1, 96, "19,805,263"),
    _listing("base", "bsr", 4, 64, "20,016,659", "97.9 G"),
)
"""The published figures are those measured on the authors' code, position tables included; the sides of the images need
no padding. The paper rounds parameters to 0.01 M and the repository states no operations."""
