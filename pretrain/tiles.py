"""Restore a large image tile by tile: overlapping tiles, blended smoothly. Approximate, and as fast as the model.

Attention and prompts look at the statistics of whatever the model is given, so a tile is restored as if it were the
whole image. `pretrain.bands` is exact; how far off tiles are is measured in docs/large_images.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from million_ird.errors import UsageError

MULTIPLE = 8
"""Tiles begin and end at multiples of this, the model's total downsampling, so that all see the same pixel grid."""


def restore_tiled(
    model: Callable[..., Tensor],
    image: Tensor,
    variant: Any,
    tile: int = 512,
    overlap: int = 32,
    after_tile: Callable[[int, int], None] | None = None,
) -> Tensor:
    """The restored image, float32 (B, C, H, W) on the device of `image`, of any height and width.

    Neighbouring tiles share at least `overlap` pixels, over which their weights pass from one to the other as raised
    cosines. An image not larger than one tile is given to the model whole.

    Args:
        model: called as `model(x, variant=variant)`; a tile's sides are multiples of 8, except at the image's end.
        image: the image, in [0, 1].
        tile: side in pixels, a multiple of 8.
        overlap: pixels, a multiple of 8, at most half a tile.
        after_tile: told how many tiles are done, and of how many.

    Raises:
        UsageError: `tile` or `overlap` out of range.
    """
    check_tiles(tile, overlap)
    height, width = image.shape[-2:]
    places = [(y, x) for y in _spans(height, tile, overlap) for x in _spans(width, tile, overlap)]
    total = torch.zeros(image.shape, dtype=torch.float32, device=image.device)
    weight = total.new_zeros(height, width)
    for done, ((top, bottom), (left, right)) in enumerate(places, 1):
        restored = model(image[..., top:bottom, left:right], variant=variant).float()
        rows = _window(top, bottom, height, overlap, total.device)
        share = rows[:, None] * _window(left, right, width, overlap, total.device)
        total[..., top:bottom, left:right] += restored * share
        weight[top:bottom, left:right] += share
        if after_tile is not None:
            after_tile(done, len(places))
    return total.div_(weight)


def check_tiles(tile: int, overlap: int) -> None:
    """Raises UsageError unless tiles of that side and overlap can cover an image."""
    if tile < MULTIPLE or tile % MULTIPLE:
        raise UsageError(f"a tile has a side that is a multiple of {MULTIPLE}, not {tile}")
    if overlap < 0 or overlap % MULTIPLE or 2 * overlap > tile:
        raise UsageError(f"tiles of {tile} overlap by a multiple of {MULTIPLE} from 0 to {tile // 2}, not {overlap}")


def _spans(length: int, tile: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Start and end of each tile along one side: as few as will do, evenly spread, begun at multiples of 8."""
    count = max(1, math.ceil((length - overlap) / (tile - overlap)))
    slack = math.ceil(length / MULTIPLE) - tile // MULTIPLE
    for number in range(count):
        start = MULTIPLE * (number * slack // (count - 1)) if count > 1 else 0
        yield start, min(start + tile, length)


def _window(start: int, end: int, length: int, overlap: int, device: torch.device) -> Tensor:
    """Weights along one side of a tile, in (0, 1]: raised cosines of `overlap` pixels where it has a neighbour."""
    weights = torch.ones(end - start, device=device)
    ramp = 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(overlap, device=device) + 0.5) / max(overlap, 1))
    if start > 0:
        weights[:overlap] *= ramp
    if end < length:
        weights[len(weights) - overlap :] *= ramp.flip(0)
    return weights
