"""Global attention within stripes, through anchors: the image at a lower resolution stands between queries and keys."""

# ruff: noqa: N803 - shape suffixes are upper case
from __future__ import annotations

from torch import Tensor, nn

from pretrain.models.grl.cosine import CosineAttention
from pretrain.models.grl.window_attention import join_heads, split_heads
from pretrain.models.window import Size, merge, partition


class StripeAttention(nn.Module):
    """Anchored stripe self-attention (arXiv 2303.00748, section 3.2 and equations of the authors' code).

    Anchors gather from all pixels of their stripe, Z = softmax(τ₁ cos(A, K) + B₁) V, and every pixel looks at the
    anchors, Y = softmax(τ₂ cos(Q, A) + B₂) Z. With M anchors and T pixels that is T·M products instead of T².

    Args:
        heads: of them each has its share of the channels.
        size: height and width of a stripe in pixels.
        anchor_factor: side of the square of pixels that one anchor stands for; twice of it divides both sides.
        shifted: whether the grid of stripes is shifted by half a stripe, both ways.
    """

    def __init__(self, heads: int, size: Size, anchor_factor: int, shifted: bool) -> None:
        super().__init__()
        self.heads, self.size, self.shifted = heads, size, shifted
        self.anchors = (size[0] // anchor_factor, size[1] // anchor_factor)
        self.gather = CosineAttention(heads, self.anchors, size)
        self.spread = CosineAttention(heads, size, self.anchors)

    def forward(self, qkv_BHWC: Tensor, anchors_BhwC: Tensor) -> Tensor:
        """(B, H, W, C / 3).

        Args:
            qkv_BHWC: queries, keys and values of every pixel, one after the other along the channels.
            anchors_BhwC: (B, H / factor, W / factor, C / 3).
        """
        qkv = partition(qkv_BHWC, self.size, shifted=self.shifted)
        q, k, v = (split_heads(part, self.heads) for part in qkv.chunk(3, dim=-1))
        anchors = split_heads(partition(anchors_BhwC, self.anchors, shifted=self.shifted), self.heads)
        gathered = self.gather(anchors, k, v, shifted=self.shifted)
        out = join_heads(self.spread(q, anchors, gathered, shifted=self.shifted))
        return merge(out, self.size, shifted=self.shifted)
