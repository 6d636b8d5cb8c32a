"""Attention by cosine similarity with a learned sharpness and position biases, within windows.

Source: Liu et al., "Swin Transformer V2", arXiv 2111.09883, equation (2); masks of the shifted grid as in Swin.

Shape letters: B images, R and K rows and columns of windows, N heads, Q queries, T keys, D channels of one head.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models.grl.coordinates import PositionBias
from pretrain.models.grl.precision import at_least_float32, without_autocast
from pretrain.models.window import Size, joined_regions

FIRST_SHARPNESS = 10.0
"""What cosines are multiplied by before training (authors' code)."""
HIGHEST_SHARPNESS = 100.0
"""What they are multiplied by at most (authors' code)."""
APART = -100.0
"""Added to the logits of tokens that the shifted grid has brought together from far edges (authors' code)."""


class CosineAttention(nn.Module):
    """softmax(sharpness · cos(q, k) + bias) v within each window, in float32 or better under autocast as well.

    Only windows of the shifted grid's last row and column need masks, and they need three different ones whatever the
    size of the image: windows are taken in four groups, and no mask is stored.
    """

    def __init__(self, heads: int, queries: Size, keys: Size) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.full((heads,), math.log(FIRST_SHARPNESS)))
        self.bias = PositionBias(heads, queries, keys)

    def forward(self, q_BRKNQD: Tensor, k_BRKNTD: Tensor, v_BRKNTD: Tensor, *, shifted: bool) -> Tensor:
        """(B, R, K, N, Q, D), in the type of v.

        Args:
            q_BRKNQD: queries of each window, in reading order of the grid of queries.
            k_BRKNTD: keys.
            v_BRKNTD: values.
            shifted: the windows are those of the shifted grid.
        """
        with without_autocast(q_BRKNQD.device):
            sharpness_N11 = (
                at_least_float32(self.log_sharpness).clamp_max(math.log(HIGHEST_SHARPNESS)).exp()[:, None, None]
            )
            q = functional.normalize(at_least_float32(q_BRKNQD), dim=-1) * sharpness_N11
            k = functional.normalize(at_least_float32(k_BRKNTD), dim=-1)
            v = at_least_float32(v_BRKNTD)
            out = (self._attend_shifted if shifted else _attend)(q, k, v, self.bias())
        return out.to(v_BRKNTD.dtype)

    def _attend_shifted(self, q: Tensor, k: Tensor, v: Tensor, bias_NQT: Tensor) -> Tensor:
        rows = []
        for row, last_row in _edges(q.shape[1]):
            parts = []
            for column, last_column in _edges(q.shape[2]):
                mask_QT = self._mask(last_row, last_column, bias_NQT)
                part = (slice(None), row, column)
                parts.append(_attend(q[part], k[part], v[part], bias_NQT + mask_QT))
            rows.append(torch.cat(parts, dim=2))
        return torch.cat(rows, dim=1)

    def _mask(self, last_row: bool, last_column: bool, like: Tensor) -> Tensor:
        """(Q, T): 0 where a query may look at a key, else -100."""
        queries, keys = (
            joined_regions(size, last_row=last_row, last_column=last_column, device=like.device)
            for size in (self.bias.queries, self.bias.keys)
        )
        return (queries[:, None] != keys[None, :]).to(like.dtype) * APART


def _edges(count: int) -> list[tuple[slice, bool]]:
    """`count` windows as those before the last, if there are any, and the last one."""
    before = [(slice(0, -1), False)] if count > 1 else []
    return [*before, (slice(-1, None), True)]


def _attend(q_BRKNQD: Tensor, k_BRKNTD: Tensor, v_BRKNTD: Tensor, bias_NQT: Tensor) -> Tensor:
    q, k, v = q_BRKNQD.flatten(0, 2), k_BRKNTD.flatten(0, 2), v_BRKNTD.flatten(0, 2)
    out = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias_NQT[None], scale=1.0)
    return out.view(q_BRKNQD.shape)
