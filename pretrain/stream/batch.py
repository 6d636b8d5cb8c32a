"""A batch of samples as the training step takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """The samples of one step that one rank takes, in the order of their positions.

    b samples with crops of side s, divided into gh × gw cells. Pixels are RGB, 0 to 255.
    """

    step: int
    inputs: Tensor
    """What the model sees: uint8, (b, 3, s, s)."""
    targets: Tensor
    """What it shall give back: uint8, (b, 3, s, s)."""
    degraded: Tensor
    """Cells that were corrupted: bool, (b, gh, gw)."""
    masked: Tensor
    """Cells that were filled: bool, (b, gh, gw)."""
    kinds: Tensor
    """Corruption of each cell: uint8, (b, gh, gw); 0 none, 1 JPEG, 2 Gaussian noise, 3 uniform noise."""
    keys: tuple[str, ...]
    """Patch key of each sample."""
    substituted: int
    """Samples whose own patch was damaged and that show another one."""

    @property
    def masks(self) -> Tensor:
        """Pixels of the cells that were corrupted or filled: uint8, (b, 1, s, s), 1 there and 0 elsewhere."""
        cell = self.inputs.shape[-1] // self.degraded.shape[-1]
        touched = (self.degraded | self.masked).byte()[:, None]
        return touched.repeat_interleave(cell, 2).repeat_interleave(cell, 3)

    def __len__(self) -> int:
        return len(self.keys)
