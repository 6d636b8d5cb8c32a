"""The parts that DyNet takes from Restormer: layer norm, channel attention, gated feed-forward, block, resampling.

Source: Zamir et al., "Restormer", arXiv 2111.09881, section 3, with the choices of the DyNet authors' code (layer norm
with bias, convolutions without).

All of it is local (a pixel of the result depends on its neighbours) except one thing: channel attention looks at the
whole image, and does so only through `ChannelAttention.statistics`. These are sums over pixels, which may be gathered
band by band and added; given them, attention is one matrix per image, applied to every pixel alike. The constants
`STATISTICS_HALO` and `BLOCK_HALO` say how many rows of context that takes.

Shape letters: B images, C channels, N heads, D channels of one head, H height, W width.
"""

# ruff: noqa: N803, N806, N815 - shape suffixes are upper case
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models.gated_depthwise import depthwise_thirds, gated_depthwise
from pretrain.models.pointwise import Pointwise, pointwise

EPSILON = 1e-5
"""Added to the variance by layer norm (authors' code)."""
SMALLEST_NORM = 1e-12
"""Norms of q and k below this count as this: what `torch.nn.functional.normalize` does in the authors' code."""


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """float32 for half precision, else the type itself: what sums over many pixels are kept in."""
    return torch.promote_types(dtype, torch.float32)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel, with weight and bias. (B, C, H, W) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if x_BCHW.is_cuda:
            return self._planes(x_BCHW)
        channels_last = x_BCHW.permute(0, 2, 3, 1)
        normed = functional.layer_norm(channels_last, self.weight.shape, self.weight, self.bias, EPSILON)
        return normed.permute(0, 3, 1, 2).to(x_BCHW.dtype)  # float32 under autocast, for which nobody has a use

    def _planes(self, x_BCHW: Tensor) -> Tensor:
        """The same by its formula, NCHW throughout: the compiler makes one kernel of it that reads along the rows.

        (PyTorch's own layer norm wants the channels last; on a CPU it is faster all the same.)
        """
        exact_BCHW = x_BCHW.to(at_least_float32(x_BCHW.dtype))
        variance_B1HW, mean_B1HW = torch.var_mean(exact_BCHW, dim=1, correction=0, keepdim=True)
        normed = (exact_BCHW - mean_B1HW) * torch.rsqrt(variance_B1HW + EPSILON)
        return (normed * self.weight[:, None, None] + self.bias[:, None, None]).to(x_BCHW.dtype)


class Statistics(NamedTuple):
    """What channel attention knows of an image: sums over its pixels, in float32 or better.

    The statistics of an image are the sum, field by field, of those of its parts.
    """

    gram_BNDD: Tensor
    """Σ q kᵀ: products of every channel of q with every channel of k, within a head."""
    q_squares_BND: Tensor
    """Σ q²."""
    k_squares_BND: Tensor
    """Σ k²."""


class ChannelAttention(nn.Module):
    """Attention between channels (MDTA, Restormer equation (1)): softmax(temperature · cos(q, k)) v, then projected.

    The natural form: q and k are never normalised pixel by pixel. Their Gram matrix is divided by their norms
    afterwards, which is the same number and spares two passes over the image; norms are float32 under autocast too.
    The softmax and the projection are multiplied into one (C, C) matrix per image, which spares two more.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.project_in = Pointwise(channels, 3 * channels)
        # Only the weight of this one is used: see `pretrain.models.gated_depthwise`. So in the feed-forward.
        self.depthwise = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.project_out = Pointwise(channels, channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        q, k, v = self.project(x_BCHW)
        return self.apply_matrix(v, self.matrix(self.statistics(q, k)))

    def project(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v, each (B, C, H, W). Local: one row of context on either side."""
        return depthwise_thirds(self.project_in(x_BCHW), self.depthwise.weight)

    def queries_and_keys(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """q and k of `project` alone, for whoever needs v at another time."""
        q, k = self._thirds(x_BCHW, 0, 2).chunk(2, dim=1)
        return q, k

    def values(self, x_BCHW: Tensor) -> Tensor:
        """v of `project` alone."""
        return self._thirds(x_BCHW, 2, 3)

    def _thirds(self, x_BCHW: Tensor, first: int, end: int) -> Tensor:
        channels = slice(first * x_BCHW.shape[1], end * x_BCHW.shape[1])
        inner = pointwise(x_BCHW, self.project_in.weight[channels])
        return functional.conv2d(inner, self.depthwise.weight[channels], padding=1, groups=inner.shape[1])

    def statistics(self, q_BCHW: Tensor, k_BCHW: Tensor) -> Statistics:
        """What attention needs of the pixels given. Additive over pixels."""
        q_BNDP, k_BNDP = (_split(x, self.heads).flatten(3) for x in (q_BCHW, k_BCHW))
        exact = at_least_float32(q_BNDP.dtype)
        return Statistics(
            (q_BNDP @ k_BNDP.transpose(-2, -1)).to(exact),
            torch.linalg.vector_norm(q_BNDP, dim=-1, dtype=exact).square(),
            torch.linalg.vector_norm(k_BNDP, dim=-1, dtype=exact).square(),
        )

    def matrix(self, statistics: Statistics) -> Tensor:
        """The whole of attention and its projection as (B, C, C): what is left to do is matrix · v at every pixel."""
        gram_BNDD, q_squares_BND, k_squares_BND = statistics
        q_norms, k_norms = (s.clamp_min(SMALLEST_NORM**2).sqrt() for s in (q_squares_BND, k_squares_BND))
        cosine_BNDD = gram_BNDD / (q_norms.unsqueeze(-1) * k_norms.unsqueeze(-2))
        attention_BNDD = (cosine_BNDD * self.temperature).softmax(dim=-1)
        projection_CND = _split(self.project_out.weight.flatten(1), self.heads)
        matrix_BNCD = projection_CND.transpose(0, 1) @ attention_BNDD
        return matrix_BNCD.transpose(1, 2).flatten(2)

    def apply_matrix(self, v_BCHW: Tensor, matrix_BCC: Tensor) -> Tensor:
        """matrix · v at every pixel; (B, C, H, W). Local, without context."""
        return (matrix_BCC @ v_BCHW.flatten(2)).view_as(v_BCHW)


def _split(x: Tensor, heads: int) -> Tensor:
    """The second dimension, channels, as two: heads and the channels of one."""
    return x.reshape(x.shape[0], heads, x.shape[1] // heads, *x.shape[2:])


class FeedForward(nn.Module):
    """Gated feed-forward (GDFN, Restormer equation (2)). Local: one row of context on either side."""

    def __init__(self, channels: int, expansion: float) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.project_in = Pointwise(channels, 2 * hidden)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = Pointwise(hidden, channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        result: Tensor = self.project_out(gated_depthwise(self.project_in(x_BCHW), self.depthwise.weight))
        return result


class TransformerBlock(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x)). (B, C, H, W) → the same."""

    def __init__(self, channels: int, heads: int, expansion: float) -> None:
        super().__init__()
        self.attention_norm = ChannelNorm(channels)
        self.attention = ChannelAttention(channels, heads)
        self.feed_forward_norm = ChannelNorm(channels)
        self.feed_forward = FeedForward(channels, expansion)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        q, k, v = self.attention.project(self.attention_norm(x_BCHW))
        return self.finish(x_BCHW, v, self.attention.matrix(self.attention.statistics(q, k)))

    def statistics(self, x_BCHW: Tensor, top: int = 0, bottom: int = 0) -> Statistics:
        """Attention's statistics of the rows of x, without the first `top` and last `bottom`, which are context.

        A part of an image needs one row of context (`STATISTICS_HALO`) on each side where the image goes on.
        """
        q, k = self.attention.queries_and_keys(self.attention_norm(x_BCHW))
        rows = slice(top, x_BCHW.shape[2] - bottom)
        return self.attention.statistics(q[:, :, rows], k[:, :, rows])

    def apply_statistics(self, x_BCHW: Tensor, matrix_BCC: Tensor) -> Tensor:
        """The block, given `attention.matrix(statistics of the whole image)`.

        Local: two rows of context (`BLOCK_HALO`) on each side where the image goes on.
        """
        return self.finish(x_BCHW, self.attention.values(self.attention_norm(x_BCHW)), matrix_BCC)

    def finish(self, x_BCHW: Tensor, v_BCHW: Tensor, matrix_BCC: Tensor) -> Tensor:
        """What follows once v and attention's matrix are known."""
        x_BCHW = x_BCHW + self.attention.apply_matrix(v_BCHW, matrix_BCC)
        change_BCHW: Tensor = self.feed_forward(self.feed_forward_norm(x_BCHW))
        return x_BCHW + change_BCHW


STATISTICS_HALO = 1
"""Rows of context on either side that `TransformerBlock.statistics` needs: one depthwise convolution."""
BLOCK_HALO = 2
"""Rows that `TransformerBlock.apply_statistics` needs: two depthwise convolutions, attention's and feed-forward's."""


class Downsample(nn.Module):
    """3×3 convolution to half the channels, then 2×2 pixels into channels: (B, C, H, W) → (B, 2C, H/2, W/2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return functional.pixel_unshuffle(self.convolution(x_BCHW), 2)


class Upsample(nn.Module):
    """3×3 convolution to twice the channels, then channels into 2×2 pixels: (B, C, H, W) → (B, C/2, 2H, 2W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.convolution(x_BCHW), 2)
