"""The patches of an index that are trained on: large enough, and of no image that is held out."""

from __future__ import annotations

import numpy as np

from million_ird.errors import DatasetError
from million_ird.order import Order
from pretrain.stream.holdout import Holdout
from pretrain.stream.index import Patch, PatchIndex
from pretrain.stream.settings import StreamSettings


class Selection:
    """Selects and counts.

    Raises:
        DatasetError: nothing is left to train on.
    """

    def __init__(self, index: PatchIndex, holdout: Holdout, smallest_side: int) -> None:
        self.index = index
        self.too_small = self.held_out = 0
        chosen = []
        for first, (width, height, image) in index.each("width", "height", "image"):
            large = np.minimum(width, height) >= smallest_side
            held = holdout.mask(image)
            self.too_small += int(np.count_nonzero(~large))
            self.held_out += int(np.count_nonzero(large & held))
            chosen.append((np.flatnonzero(large & ~held) + first).astype(np.uint32))
        self._numbers = np.concatenate(chosen)
        if not len(self._numbers):
            raise DatasetError(
                f"no patch to train on: of {len(index):,} patches {self.too_small:,} are smaller than the largest crop "
                f"of {smallest_side} pixels and {self.held_out:,} are held out"
            )
        self.shard_sizes: list[int] = np.diff(np.searchsorted(self._numbers, index.shard_starts)).tolist()
        """Selected patches of each shard of the index."""

    def __len__(self) -> int:
        return len(self._numbers)

    def patch(self, number: int) -> Patch:
        """The patch with a number 0 … len - 1 among the selected ones."""
        return self.index.patch(int(self._numbers[number]))

    def order(self, settings: StreamSettings, seed: int) -> Order:
        """The sequence of the selected patches."""
        return Order(self.shard_sizes, seed, settings.lanes, settings.window, settings.crops_per_patch)
