"""Attention inside each window, with a learned bias for every offset between two features."""

# ruff: noqa: N803, N806, N815 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def offset_index(side: int) -> Tensor:
    """int64 (T, T): which of the (2 side - 1)² offsets feature j of a window has, seen from feature i; T = side²."""
    y_T, x_T = torch.arange(side).repeat_interleave(side), torch.arange(side).repeat(side)
    dy_TT, dx_TT = (at[:, None] - at[None, :] + side - 1 for at in (y_T, x_T))
    return dy_TT * (2 * side - 1) + dx_TT


class WindowAttention(nn.Module):
    """softmax(q kᵀ / √D + bias) v for each head of D channels, then projected. (N, T, C) → the same.

    Liu et al., "Swin Transformer", arXiv 2103.14030, equation (4). Nothing is masked: in windows of the shifted grid
    that join far edges of the picture, features attend across (no mask is known of the authors' code either). q, k, v
    and the projection are linear maps with biases.
    """

    index_TT: Tensor

    def __init__(self, channels: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(channels, channels)
        self.offset_bias = nn.Parameter(torch.empty((2 * side - 1) ** 2, heads))
        nn.init.trunc_normal_(self.offset_bias, std=0.02)
        self.register_buffer("index_TT", offset_index(side), persistent=False)

    def forward(self, x_NTC: Tensor) -> Tensor:
        key, value = self.key_value(x_NTC).chunk(2, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query(x_NTC), key, value))
        bias_MTT = self.offset_bias[self.index_TT].permute(2, 0, 1).to(q.dtype)
        mixed_NMTD = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias_MTT[None])
        result: Tensor = self.project(mixed_NMTD.transpose(1, 2).flatten(2))
        return result
