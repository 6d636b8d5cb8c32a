"""The Triton kernels as PyTorch operators with gradients, which `torch.compile` takes into its graphs whole.

Operators: `million_ird::gated_depthwise` and `million_ird::depthwise_thirds`; meanings and shapes as the functions of
those names in `pretrain.models.gated_depthwise`, which decides when these are used. Pictures in float32, bfloat16 or
float16; weights in any of the three, whatever the pictures are in. Of the forward pass only x and the weights are kept.

With `TRITON_INTERPRET=1` the same operators run on the CPU, slowly: that is how they are tested without a GPU.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
import triton
from torch import Tensor

from pretrain.models.kernels import stencils

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
"""Whether Triton runs kernels on the CPU, in Python (its own switch, read when kernels are defined)."""
MAX_ROWS = {"forward": 8, "backward": 16}
"""Rows that a program walks down: two more are read for context, from the cache as a rule. More where sums are taken,
whose adding up at the end costs as much as some rows."""
MAX_COLUMNS = 128
"""Columns of a tile; a crop of 128 is one tile wide."""
PLACES = {"forward": 512, "backward": 256}
"""Strips × columns of a tile. Fewer for gradients, whose sums take registers: 18 a place besides 18 of context."""
WARPS = 4
"""Groups of 32 threads that share a tile."""

# The interpreter's kernels cannot be part of a graph, so there the operator is opaque.
_operator: Callable[..., Any] = torch.library.custom_op if INTERPRETED else torch.library.triton_op


def _launchable(kernel: Any) -> Any:
    return kernel if INTERPRETED else torch.library.wrap_triton(kernel)


def _tile(batch: int, channels: int, height: int, width: int, kind: str) -> tuple[tuple[int, int, int], dict[str, int]]:
    """Grid and tile sizes: functions of the shape alone (nothing is tuned by timing), so sums have a fixed order."""
    rows = min(triton.next_power_of_2(height), MAX_ROWS[kind])
    columns = min(triton.next_power_of_2(width), MAX_COLUMNS)
    strips = PLACES[kind] // columns
    grid = (triton.cdiv(batch * triton.cdiv(height, rows), strips), channels, triton.cdiv(width, columns))
    return grid, {"ROWS": rows, "STRIPS": strips, "COLUMNS": columns, "num_warps": WARPS}


def _table(grid: tuple[int, int, int], like: Tensor, channels: int) -> Tensor:
    """One line of nine sums per channel for every program that works on the channel."""
    return torch.empty((grid[0] * grid[2], channels, 9), dtype=torch.float32, device=like.device)


@_operator("million_ird::gated_depthwise", mutates_args=())
def gated_depthwise(x_BCHW: Tensor, weight_C133: Tensor) -> Tensor:
    """(B, 2h, H, W), (2h, 1, 3, 3) → (B, h, H, W)."""
    x_BCHW, weight_C133 = x_BCHW.contiguous(), weight_C133.contiguous()
    batch, channels, height, width = x_BCHW.shape
    hidden = channels // 2
    out = x_BCHW.new_empty((batch, hidden, height, width))
    grid, tile = _tile(batch, hidden, height, width, "forward")
    _launchable(stencils.gated_forward)[grid](x_BCHW, weight_C133, out, batch, hidden, height, width, **tile)
    return out


@_operator("million_ird::gated_depthwise_backward", mutates_args=())
def gated_depthwise_backward(gradient_BCHW: Tensor, x_BCHW: Tensor, weight_C133: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of x and of the weights from that of the result."""
    gradient_BCHW, x_BCHW, weight_C133 = gradient_BCHW.contiguous(), x_BCHW.contiguous(), weight_C133.contiguous()
    batch, channels, height, width = x_BCHW.shape
    hidden = channels // 2
    through, x_gradient = torch.empty_like(x_BCHW), torch.empty_like(x_BCHW)
    grid, tile = _tile(batch, hidden, height, width, "backward")
    table = _table(grid, x_BCHW, channels)
    _launchable(stencils.gated_backward)[grid](
        gradient_BCHW, x_BCHW, weight_C133, through, table, batch, hidden, height, width, **tile
    )
    grid, tile = _tile(batch, channels, height, width, "forward")
    _launchable(stencils.spread_backward)[grid](
        through, weight_C133, x_gradient, batch, channels, height, width, **tile
    )
    return x_gradient, table.sum(0).reshape(weight_C133.shape).to(weight_C133.dtype)


@_operator("million_ird::depthwise_thirds", mutates_args=())
def depthwise_thirds(x_BCHW: Tensor, weight_C133: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 3c, H, W), (3c, 1, 3, 3) → three times (B, c, H, W)."""
    x_BCHW, weight_C133 = x_BCHW.contiguous(), weight_C133.contiguous()
    batch, channels, height, width = x_BCHW.shape
    third = channels // 3
    first, second, last = (x_BCHW.new_empty((batch, third, height, width)) for _ in range(3))
    grid, tile = _tile(batch, channels, height, width, "forward")
    _launchable(stencils.thirds_forward)[grid](
        x_BCHW, weight_C133, first, second, last, batch, third, height, width, **tile
    )
    return first, second, last


@_operator("million_ird::depthwise_thirds_backward", mutates_args=())
def depthwise_thirds_backward(
    first_BCHW: Tensor, second_BCHW: Tensor, third_BCHW: Tensor, x_BCHW: Tensor, weight_C133: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of x and of the weights from those of the three results."""
    first_BCHW, second_BCHW, third_BCHW = first_BCHW.contiguous(), second_BCHW.contiguous(), third_BCHW.contiguous()
    x_BCHW, weight_C133 = x_BCHW.contiguous(), weight_C133.contiguous()
    batch, channels, height, width = x_BCHW.shape
    x_gradient = torch.empty_like(x_BCHW)
    grid, tile = _tile(batch, channels, height, width, "backward")
    table = _table(grid, x_BCHW, channels)
    _launchable(stencils.thirds_backward)[grid](
        first_BCHW,
        second_BCHW,
        third_BCHW,
        x_BCHW,
        weight_C133,
        x_gradient,
        table,
        batch,
        channels // 3,
        height,
        width,
        **tile,
    )
    return x_gradient, table.sum(0).reshape(weight_C133.shape).to(weight_C133.dtype)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: Any) -> None:
    ctx.save_for_backward(*inputs)


def _gated_gradients(ctx: Any, gradient_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor] = gated_depthwise_backward(gradient_BCHW, *ctx.saved_tensors)
    return gradients


def _thirds_gradients(ctx: Any, *gradients_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor] = depthwise_thirds_backward(*gradients_BCHW, *ctx.saved_tensors)
    return gradients


gated_depthwise.register_autograd(_gated_gradients, setup_context=_keep)
depthwise_thirds.register_autograd(_thirds_gradients, setup_context=_keep)

if INTERPRETED:  # an opaque operator must say what its results look like; a Triton operator is looked into

    @gated_depthwise.register_fake
    def _(x_BCHW: Tensor, weight_C133: Tensor) -> Tensor:
        batch, channels, height, width = x_BCHW.shape
        return x_BCHW.new_empty((batch, channels // 2, height, width))

    @depthwise_thirds.register_fake
    def _(x_BCHW: Tensor, weight_C133: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, channels, height, width = x_BCHW.shape
        first, second, third = (x_BCHW.new_empty((batch, channels // 3, height, width)) for _ in range(3))
        return first, second, third

    @gated_depthwise_backward.register_fake
    def _(gradient_BCHW: Tensor, x_BCHW: Tensor, weight_C133: Tensor) -> tuple[Tensor, Tensor]:
        return x_BCHW.new_empty(x_BCHW.shape), weight_C133.new_empty(weight_C133.shape)

    @depthwise_thirds_backward.register_fake
    def _(
        first_BCHW: Tensor, second_BCHW: Tensor, third_BCHW: Tensor, x_BCHW: Tensor, weight_C133: Tensor
    ) -> tuple[Tensor, Tensor]:
        return x_BCHW.new_empty(x_BCHW.shape), weight_C133.new_empty(weight_C133.shape)
