"""Regional attention: every pixel of a window looks at every pixel of it."""

# ruff: noqa: N803 - shape suffixes are upper case
from __future__ import annotations

from torch import Tensor, nn

from pretrain.models.grl.cosine import CosineAttention
from pretrain.models.window import merge, partition


class WindowAttention(nn.Module):
    """Cosine attention in square windows (arXiv 2303.00748, section 3; Swin Transformer V2's).

    Args:
        heads: of them each has its share of the channels.
        side: of the windows, in pixels.
        shifted: whether the grid of windows is shifted by half a window.
    """

    def __init__(self, heads: int, side: int, shifted: bool) -> None:
        super().__init__()
        self.heads, self.size, self.shifted = heads, (side, side), shifted
        self.attention = CosineAttention(heads, self.size, self.size)

    def forward(self, qkv_BHWC: Tensor) -> Tensor:
        """(B, H, W, C / 3) from queries, keys and values of every pixel, one after the other along the channels."""
        qkv = partition(qkv_BHWC, self.size, shifted=self.shifted)
        q, k, v = (split_heads(part, self.heads) for part in qkv.chunk(3, dim=-1))
        out = join_heads(self.attention(q, k, v, shifted=self.shifted))
        return merge(out, self.size, shifted=self.shifted)


def split_heads(x_BRKTC: Tensor, heads: int) -> Tensor:
    """(B, R, K, heads, T, C / heads)."""
    return x_BRKTC.reshape(*x_BRKTC.shape[:-1], heads, -1).transpose(-3, -2)


def join_heads(x_BRKNTD: Tensor) -> Tensor:
    """(B, R, K, T, N·D): undoes `split_heads`."""
    return x_BRKNTD.transpose(-3, -2).flatten(-2)
