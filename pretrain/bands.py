"""Restore a large image in bands of rows: exact, at a fraction of the memory.

Convolutions look one row up and down, so a band with that much context gives the rows that the whole image would give.
Channel attention looks at all pixels, but only through sums over them (`Statistics`), which are added up band by band
before a second round of bands applies them; prompts look at a mean. The result is the untiled one up to the order of
float32 additions.

What must exist at once are the features between two parts of the network: at full resolution twice `width` channels,
and the skip connection. What is made inside a block is many times as wide, and exists for one band only. The network
itself is not written here a second time: `DyNet.forward` asks whoever calls it how to run its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.dynet import DyNet
from pretrain.models.restormer import (
    BLOCK_HALO,
    STATISTICS_HALO,
    Downsample,
    Statistics,
    TransformerBlock,
    Upsample,
)
from pretrain.models.variants import Variant

DEFAULT_ROWS = 32
"""Rows of a band (ours: more take more memory, fewer more time; see docs/large_images.md). The same at every level:
half the pixels in a row and twice the channels cancel out."""
_STRIDE = 2
"""What bands begin at a multiple of, since resampling takes rows in pairs."""


@torch.no_grad()
def restore_banded(
    model: DyNet,
    image: Tensor,
    variant: Variant,
    band_rows: int = DEFAULT_ROWS,
    after_part: Callable[[int, int], None] | None = None,
) -> Tensor:
    """What `model(image, variant)` gives, within 1e-4, at lower peak memory.

    Args:
        model: the network, in evaluation or training mode alike.
        image: (B, 3, H, W) in [0, 1], any height and width.
        variant: how often each block is applied.
        band_rows: an even number; fewer rows take less memory and repeat more of the context between bands.
        after_part: told how many parts of the network (blocks, resamplings) are done, and of how many.

    Raises:
        UsageError: `band_rows` is odd or below 2.
    """
    check_rows(band_rows)
    bands = Bands(band_rows)
    if after_part is not None:
        bands = _Counted(band_rows, after_part, _parts(model, image, variant))
    result: Tensor = model(image, variant, run=bands)
    return result


def check_rows(band_rows: int) -> None:
    """Raises UsageError unless bands may have so many rows."""
    if band_rows < _STRIDE or band_rows % _STRIDE:
        raise UsageError(f"a band has an even number of rows, 2 or more, not {band_rows}")


class Bands:
    """How to run a part of DyNet band by band: what its `forward` takes as `run`.

    A transformer block writes its result over its input. No gradients.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __call__(self, module: nn.Module, x: Tensor) -> Tensor:
        if isinstance(module, TransformerBlock):
            return _block(module, x, self.rows)
        if isinstance(module, nn.Conv2d | Downsample | Upsample):
            return _local(module, x, self.rows)
        result: Tensor = module(x)  # a part that is not known here is run whole, which is always right
        return result


class _Counted(Bands):
    """Says after each part how many are done."""

    def __init__(self, rows: int, after_part: Callable[[int, int], None], total: int) -> None:
        super().__init__(rows)
        self._after_part, self._total, self._done = after_part, total, 0

    def __call__(self, module: nn.Module, x: Tensor) -> Tensor:
        result = super().__call__(module, x)
        self._done += 1
        self._after_part(self._done, self._total)
        return result


def _parts(model: DyNet, image: Tensor, variant: Variant) -> int:
    """How many parts `model` asks to be run for an image: as many as for the smallest one."""
    said: list[int] = []
    model(image[:, :, :1, :1], variant, run=_Counted(_STRIDE, lambda done, _: said.append(done), 0))
    return said[-1]


class _Band(NamedTuple):
    """Rows `start` to `end` of an image, and how many more before and after them are there to look at."""

    start: int
    end: int
    above: int
    below: int


def _bands(height: int, rows: int, halo: int) -> Iterator[_Band]:
    for start in range(0, height, rows):
        end = min(start + rows, height)
        yield _Band(start, end, min(halo, start), min(halo, height - end))


def _block(block: TransformerBlock, x: Tensor, rows: int) -> Tensor:
    matrix = block.attention.matrix(_statistics(block, x, rows))
    before = x[:, :, :0]  # the last rows of the band above, as they were before they were overwritten
    for band in _bands(x.shape[2], rows, BLOCK_HALO):
        given = torch.cat([before, x[:, :, band.start : band.end + band.below]], dim=2)
        before = x[:, :, band.end - BLOCK_HALO : band.end].clone()
        done = block.apply_statistics(given, matrix)
        x[:, :, band.start : band.end] = done[:, :, band.above : band.above + band.end - band.start]
    return x


def _statistics(block: TransformerBlock, x: Tensor, rows: int) -> Statistics:
    """Those of the whole image: the sums of those of its bands."""
    parts = (
        block.statistics(x[:, :, band.start - band.above : band.end + band.below], band.above, band.below)
        for band in _bands(x.shape[2], rows, STATISTICS_HALO)
    )
    total = next(parts)
    for part in parts:
        total = Statistics(*(one + other for one, other in zip(total, part, strict=True)))
    return total


def _local(module: nn.Conv2d | Downsample | Upsample, x: Tensor, rows: int) -> Tensor:
    """A convolution of at most 3×3, perhaps with a resampling by two. Written into a new tensor."""
    height = x.shape[2]
    result: Any = None  # its width and type are known when the first band is done
    for band in _bands(height, rows, _STRIDE):  # two rows, where one would do, keep pairs of rows together
        done = module(x[:, :, band.start - band.above : band.end + band.below])
        if result is None:
            result = done.new_empty(*done.shape[:2], _scaled(module, height), done.shape[3])
        first, last, top = (_scaled(module, number) for number in (band.start, band.end, band.above))
        result[:, :, first:last] = done[:, :, top : top + last - first]
    return cast(Tensor, result)


def _scaled(module: nn.Module, rows: int) -> int:
    """How many rows come out where `rows` go in."""
    return rows // 2 if isinstance(module, Downsample) else rows * 2 if isinstance(module, Upsample) else rows
