"""Restore a large image tile by tile: overlapping tiles, blended smoothly. As fast as the network, and approximate.

A tile is restored as if it were the whole image. That is exact for a network whose pixels depend on a neighbourhood
alone, as long as that reaches no farther than a quarter of the overlap. It is an approximation where a network looks at
the statistics of the whole image (attention across channels, prompts, means) or divides the image itself into parts.
How far off it is: docs/large_images.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from million_ird.errors import UsageError
from pretrain.models.variants import AnyVariant


@dataclass(frozen=True, slots=True)
class Tiles:
    """How images are cut; all in pixels of the image given, which may be smaller than the result."""

    side: int
    """Of a tile; a multiple of `multiple`."""
    overlap: int
    """What neighbouring tiles share at least; at most half a tile."""
    multiple: int = 1
    """Tiles begin and end at multiples of this (the image's end aside), so that all see the grid by which the network
    halves the image or cuts it into windows."""

    def __post_init__(self) -> None:
        if self.side < 1 or self.side % self.multiple:
            raise UsageError(
                f"tile: got {self.side}, expected a multiple of {self.multiple}, which this network's tiles must be"
                if self.multiple > 1
                else f"tile: got {self.side}, expected 1 or more"
            )
        most = self.side // 2 if self.side > self.multiple else 0
        if not 0 <= self.overlap <= most:
            raise UsageError(f"overlap: got {self.overlap}, expected 0 to {most} with tiles of {self.side}")

    def spans(self, length: int) -> list[tuple[int, int]]:
        """Start and end of each tile along one side of an image: as few as will do, evenly spread."""
        stride = (self.side - self.overlap) // self.multiple * self.multiple
        count = max(1, math.ceil((length - self.side) / stride) + 1)
        slack = math.ceil(length / self.multiple) - self.side // self.multiple
        starts = [self.multiple * (number * slack // max(count - 1, 1)) for number in range(count)]
        return [(start, min(start + self.side, length)) for start in starts]


def restore_tiled(
    model: Callable[..., Tensor],
    image: Tensor,
    variant: AnyVariant,
    tiles: Tiles,
    scale: int = 1,
    after_tile: Callable[[int, int], None] | None = None,
) -> Tensor:
    """The restored image, float32 (B, C, scale·H, scale·W) on the device of `image`, of any height and width.

    What two tiles share passes from one to the other in the middle half of their overlap, by raised cosines; a tile's
    outermost quarter, which knows least of what surrounds it, counts nothing. An image not larger than one tile is
    given to the model whole.

    Args:
        model: called as `model(x, **variant.arguments)`.
        image: the image, in [0, 1].
        variant: of the network.
        tiles: how it is cut.
        scale: side of the model's result per side of its input.
        after_tile: told how many tiles are done, and of how many.
    """
    height, width = image.shape[-2:]
    places = [(rows, columns) for rows in tiles.spans(height) for columns in tiles.spans(width)]
    total = image.new_zeros((*image.shape[:-2], scale * height, scale * width), dtype=torch.float32)
    weight = total.new_zeros(total.shape[-2:])
    for done, ((top, bottom), (left, right)) in enumerate(places, 1):
        restored = model(image[..., top:bottom, left:right], **variant.arguments).float()
        share = torch.outer(
            _window(scale * top, scale * bottom, scale * height, scale * tiles.overlap, total.device),
            _window(scale * left, scale * right, scale * width, scale * tiles.overlap, total.device),
        )
        place = (..., slice(scale * top, scale * bottom), slice(scale * left, scale * right))
        total[place] += restored * share
        weight[place] += share
        if after_tile is not None:
            after_tile(done, len(places))
    return total.div_(weight)


def _window(start: int, end: int, length: int, overlap: int, device: torch.device) -> Tensor:
    """Weights along one side of a tile, 0 to 1: rising and falling over `overlap` pixels where it has a neighbour."""
    weights = torch.ones(end - start, device=device)
    ramp = _ramp(overlap, device)
    if start > 0:
        weights[:overlap] *= ramp
    if end < length:
        weights[len(weights) - overlap :] *= ramp.flip(0)
    return weights


def _ramp(overlap: int, device: torch.device) -> Tensor:
    """A quarter of zeros, half of a raised cosine, a quarter of ones; with itself turned round it adds up to 1."""
    quarter = overlap // 4
    middle = overlap - 2 * quarter
    risen = 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(middle, device=device) + 0.5) / max(middle, 1))
    return torch.cat([risen.new_zeros(quarter), risen, risen.new_ones(quarter)])
