"""Ghost convolutions for inference: the offsets that were learned, as padding and slicing, without a multiplication.

Bit for bit the result of the form that learns, in eval mode: a one-hot kernel multiplies by 1 and adds zeros.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import copy
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.layer import Gather, GhostConvolution


class SlicedGhostConvolution(nn.Module):
    """A ghost convolution whose offsets are fixed. (B, C_in, H, W) → (B, C, H', W').

    Ghosts are made in runs of equal offsets: one run where a layer shares its offset. Offsets are no tensors, so its
    state does not hold them: keep that of the form that learns, and freeze again.
    """

    def __init__(self, layer: GhostConvolution) -> None:
        super().__init__()
        # On the meta device there are shapes alone, and no offset changes them.
        offsets = [(0, 0)] * layer.ghosts if layer.shift.is_meta else layer.chosen_offsets()
        by_offset = sorted(range(layer.ghosts), key=offsets.__getitem__)
        sorted_offsets = [offsets[ghost] for ghost in by_offset]
        self.runs = [(offset, len(list(run))) for offset, run in groupby(sorted_offsets)]
        self.primary = layer.primary
        ghosts = layer.source.index.new_tensor(by_offset)
        self.source = Gather(layer.source.index[ghosts])
        intrinsic = layer.primary.out_channels
        places = torch.cat([torch.arange(intrinsic, device=ghosts.device), intrinsic + ghosts.argsort()])
        self.order = Gather(places[layer.order.index])

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BIHW: Tensor = self.primary(x_BCHW)
        runs = self.source(y_BIHW).split([length for _, length in self.runs], dim=1)
        ghosts = [shifted(run, *offset) for run, (offset, _) in zip(runs, self.runs, strict=True)]
        result_BCHW: Tensor = self.order(torch.cat([y_BIHW, *ghosts], dim=1))
        return result_BCHW


def shifted(x_BCHW: Tensor, down: int, right: int) -> Tensor:
    """Pixel (row, column) of the result is (row + down, column + right) of x, and 0 where x ends."""
    if (down, right) == (0, 0):
        return x_BCHW
    height, width = x_BCHW.shape[2:]
    around = (max(-right, 0), max(right, 0), max(-down, 0), max(down, 0))
    top, left = max(down, 0), max(right, 0)
    return functional.pad(x_BCHW, around)[:, :, top : top + height, left : left + width]


def freeze(model: nn.Module) -> nn.Module:
    """A copy of a network in which every ghost convolution slices. In eval mode the original gives the same bits."""
    frozen = copy.deepcopy(model)
    for name, layer in list(ghost_layers(frozen)):
        frozen.set_submodule(name, SlicedGhostConvolution(layer))
    return frozen
