"""Photographs made smaller before anything else is done to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from million_ird.patches import Box
from pretrain.degradations import Downscale
from pretrain.degradations.degradation import within
from pretrain.degradations.resize import downscale
from pretrain.finetune.examples import Example
from pretrain.finetune.pictures import AnyPicture
from pretrain.images import Pixels


@dataclass(frozen=True, slots=True)
class ShrunkPicture:
    """A picture made smaller as super-resolution does it (`pretrain.degradations.resize.downscale`). Of its source only
    what a rectangle needs is read: the rectangle is that of the whole picture made smaller, bit for bit."""

    source: AnyPicture
    by: Downscale

    @property
    def key(self) -> str:
        return self.source.key

    @property
    def width(self) -> int:
        return self.source.width // self.by.scale

    @property
    def height(self) -> int:
        return self.source.height // self.by.scale

    def read(self, box: Box) -> Pixels:
        wanted = Box(*(number * self.by.scale for number in (box.x, box.y, box.width, box.height)))
        region = self.by.region(wanted, self.source.width, self.source.height)
        small: Pixels = within(downscale(self.source.read(region), self.by.scale), region, wanted, self.by.scale)
        return small


def shrunk(example: Example, factor: int) -> Example:
    """The example of a clean photograph made smaller by `factor`, 1 to 4; by 1 it is the example itself."""
    return example if factor == 1 else replace(example, clean=ShrunkPicture(example.clean, Downscale(factor)))
