"""Position biases: a number per head for each offset between a query and a key, made from log-spaced coordinates.

Source: the continuous position bias of Liu et al., "Swin Transformer V2", arXiv 2111.09883, section 3.3, with the
coordinates between tokens and anchors of GRL's authors' code.

An offset is a place in a table of (queries + keys - 1) rows and columns. The table is computed from the weights, never
kept in a checkpoint, and expanded to all pairs by overlapping views, so there is no table of indices either. None of it
depends on the size of the image.

Shape letters: N heads, Q queries, K keys, E places in a table.
"""

# ruff: noqa: N806 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pretrain.models.grl.precision import at_least_float32, without_autocast
from pretrain.models.window import Size

HIDDEN = 512
"""Hidden units of the network that makes a bias from an offset (Swin Transformer V2's code)."""
HIGHEST_BIAS = 16.0
"""Biases are a sigmoid times this (Swin Transformer V2's code)."""
SPAN = 8.0
"""Coordinates are scaled to about ±8 before the logarithm, to base 8, is taken (arXiv 2111.09883, section 3.3)."""

_State = list[tuple[Tensor, int]]
"""Weights, and how often each has been written to."""


def log_spaced(fine: int, coarse: int, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(fine + coarse - 1,): the coordinates of all offsets along one axis, ascending.

    Offsets are in tokens, as if `coarse` anchors stood side by side in the middle of `fine` tokens (authors' code; for
    equal grids they run from -(fine - 1) to fine - 1). The farthest positive one gets the coordinate log₈ 9.
    """
    margin = (fine - coarse) // 2
    offsets = torch.arange(1 - coarse - margin, fine - margin, device=device, dtype=dtype)
    scaled = offsets * SPAN / (fine - 1 - margin)
    return scaled.sign() * (scaled.abs() + 1).log2() / 3  # log2(SPAN) = 3


class PositionBias(nn.Module):
    """A bias per head and pair of a query and a key, each in a grid of its own; one grid may be coarser (anchors).

    Without gradients and out of training its table is kept from one call to the next. It is made anew once a weight is
    another tensor or has been written to in place, and forgotten when the module is moved or its mode set.
    """

    def __init__(self, heads: int, queries: Size, keys: Size) -> None:
        super().__init__()
        self.queries, self.keys = queries, keys
        self.hidden = nn.Linear(2, HIDDEN)
        self.output = nn.Linear(HIDDEN, heads, bias=False)
        self._kept: tuple[_State, Tensor] | None = None

    def forward(self) -> Tensor:
        """(N, Q, K), float32 or better, from 0 to 16."""
        table_NEE = self.table()
        # Pairs i, j of an axis are at place i + (keys - 1 - j): sliding views with the keys' order turned round.
        pairs = table_NEE.unfold(1, self.keys[0], 1).unfold(2, self.keys[1], 1).flip(-2, -1)
        return pairs.flatten(3).flatten(1, 2)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of making the table once."""
        rows, columns = (q + k - 1 for q, k in zip(self.queries, self.keys, strict=True))
        return rows * columns * (self.hidden.weight.numel() + self.output.weight.numel())

    def table(self) -> Tensor:
        """(N, E, E): the bias of each offset, kept or computed."""
        weights = list(self.parameters())
        reusable = not (self.training or torch.is_grad_enabled() or torch.compiler.is_compiling())
        if not reusable or any(weight.is_inference() for weight in weights):  # those do not tell of writing
            return self._made()
        state: _State = [(weight, weight._version) for weight in weights]
        kept = self._kept
        if kept is None or not _same(kept[0], state):
            self._kept = kept = (state, self._made())
        return kept[1]

    def train(self, mode: bool = True) -> PositionBias:
        """Sets the mode, as every module does, and forgets the table."""
        self._kept = None
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PositionBias:
        self._kept = None  # what moves and converts a module may leave no trace in the weights' versions
        result: PositionBias = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return result

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}  # a copy's weights count their versions anew

    def _made(self) -> Tensor:
        weights = [at_least_float32(w) for w in (self.hidden.weight, self.hidden.bias, self.output.weight)]
        rows, columns = (
            log_spaced(max(q, k), min(q, k), device=weights[0].device, dtype=weights[0].dtype)
            for q, k in zip(self.queries, self.keys, strict=True)
        )
        offsets_EE2 = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)
        with without_autocast(weights[0].device):
            hidden = nn.functional.linear(offsets_EE2, weights[0], weights[1]).relu()
            return HIGHEST_BIAS * nn.functional.linear(hidden, weights[2]).sigmoid().permute(2, 0, 1)


def _same(old: _State, new: _State) -> bool:
    return all(a is b and was == now for (a, was), (b, now) in zip(old, new, strict=True))
