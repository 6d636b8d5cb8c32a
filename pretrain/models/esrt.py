"""ESRT: light super-resolution, a convolutional backbone and one transformer whose attention is split into segments.

Source: Lu et al., "Transformer for Single Image Super-Resolution", arXiv 2108.11084 (CVPR workshops 2022), and the
authors' code, which this follows where the two disagree. The paper speaks of a series of efficient transformers; the
code has one. Its attention scale, its fold that sums overlaps and the ReLU of the skip path are the code's and are
settings here.

    shallow = head(image)
    deep    = conv(transformer(join(block 1, block 2, block 3)))      each block takes the one before, the first shallow
    result  = tail(reduce(a · shallow + b · deep)) + skip(shallow)    a, b learned; tail and skip enlarge

Shape letters: B images, C channels, H height, W width (all of the small image), N tokens (one per pixel), F features of
a token, M heads, D channels of one head.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from million_ird.errors import UsageError
from pretrain.models.limits import check_blocks
from pretrain.models.listing import Listing
from pretrain.models.upsampling import held_enlarging, upsampler

PATCH = 3
"""Side of the neighbourhood of a pixel that is its token (paper, section 3.3; authors' code)."""
SQUEEZE = 16
"""Channels per hidden channel of the channel gates (authors' code)."""
SMALLEST_SIDE = 2
"""Sides below this are padded to it: the backbone halves the image once."""


@dataclass(frozen=True)
class ESRTSettings:
    """What decides ESRT's shapes, and where the authors' code does what the paper does not say."""

    family: Literal["esrt"] = field(default="esrt", kw_only=True)
    """Of the network: ESRT."""
    scale: int = 4
    """Side of the result per side of the input: 2, 3 or 4 (paper)."""
    width: int = 32
    """Channels of the backbone, a multiple of 4 (authors' code)."""
    blocks: int = 3
    """High-preserving blocks, 1 to 1000 (authors' code)."""
    low_repeats: int = 5
    """Applications of the one residual block at half resolution in each of them, 1 to 1000 (authors' code)."""
    heads: int = 8
    """Heads of the attention; they divide 9 / 2 of the width (authors' code)."""
    segments: int = 4
    """Parts into which attention splits the tokens. Their order is that of the pixels, row by row, so a segment is some
    neighbouring rows of the image (paper and authors' code: 4). 1 is the unsplit attention the paper compares with.
    At most 1000."""
    uneven: Literal["remainder", "pad"] = "remainder"
    """What to do where the segments do not divide the pixels: "remainder" makes those left over a segment of their own
    (authors' code), of 1 to 3 tokens in all but tiny images; "pad" repeats the last row until they divide the height,
    and crops the result (ours: no pixel then attends to a handful of others only)."""
    attention_scale: Literal["token", "head"] = "token"
    """What q kᵀ is divided by: the root of the features of a token per head (authors' code: 6), or that of the
    channels of a head (the usual; √18)."""
    overlap: Literal["sum", "average"] = "sum"
    """How the tokens' neighbourhoods become an image again: every pixel the sum of what 9 tokens say of it, 6 on an
    edge, 4 in a corner (authors' code), or their average."""
    skip_relu: bool = True
    """Whether the skip path ends in a ReLU, so that it can only brighten (authors' code)."""

    def __post_init__(self) -> None:
        if self.scale not in (2, 3, 4):
            raise UsageError(f"scale: got {self.scale}, expected 2, 3 or 4")
        if self.width < 4 or self.width % 4:
            raise UsageError(f"width: got {self.width}, expected a multiple of 4")
        for name in ("blocks", "low_repeats", "segments"):
            check_blocks(name, getattr(self, name))
        if self.heads < 1:
            raise UsageError(f"heads: got {self.heads}, expected 1 or more")
        if self.inner % self.heads:
            raise UsageError(f"heads: {self.heads} do not divide the {self.inner} channels of attention")
        for name, known in (
            ("uneven", ("remainder", "pad")),
            ("attention_scale", ("token", "head")),
            ("overlap", ("sum", "average")),
        ):
            if getattr(self, name) not in known:
                raise UsageError(f"{name}: got {getattr(self, name)!r}, expected {known[0]!r} or {known[1]!r}")

    @property
    def features(self) -> int:
        """Numbers in a token: a neighbourhood of 3 × 3 pixels."""
        return self.width * PATCH**2

    @property
    def inner(self) -> int:
        """Channels of attention, all heads together: half a token's."""
        return self.features // 2

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image; see `pretrain.memory`."""
        tokens = 52 + self.blocks  # of the transformer: a pixel is nine times its channels
        return self.width * max(tokens, held_enlarging(self.scale) + 4) * height * width


class ResidualUnit(nn.Module):
    """a · x + b · (convolution to half the channels, PReLU, convolution back). (B, C, H, W) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.activation = nn.PReLU(channels // 2)
        self.expand = nn.Conv2d(channels // 2, channels, 3, padding=1)
        self.weights = nn.Parameter(torch.ones(2))  # of x and of the change, as in every sum of this network

    def forward(self, x_BCHW: Tensor) -> Tensor:
        change_BCHW: Tensor = self.expand(self.activation(self.squeeze(x_BCHW)))
        return self.weights[0] * x_BCHW + self.weights[1] * change_BCHW


class ChannelGate(nn.Module):
    """Every channel times a number from 0 to 1 that depends on all channels' means. (B, C, H, W) → the same.

    A whole-image statistic: a part of an image gives other means than the whole.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // SQUEEZE, 1)
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.expand = nn.Conv2d(hidden, channels, 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        mean_BC11 = x_BCHW.mean(dim=(2, 3), keepdim=True)
        gate_BC11: Tensor = self.expand(self.squeeze(mean_BC11).relu()).sigmoid()
        return x_BCHW * gate_BC11


class AdaptiveResidualBlock(nn.Module):
    """Two residual units, joined, gated, and added to the input (paper, section 3.2: ARFB). (B, C, H, W) → the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.units = nn.ModuleList(ResidualUnit(channels) for _ in range(2))
        self.join_weights = nn.Parameter(torch.ones(2))
        self.join = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.gate = ChannelGate(channels)
        self.last = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.weights = nn.Parameter(torch.ones(2))
        # The authors' code has a fifth scalar that nothing reads. It is there so that the network has the published
        # number of parameters, and is not trained, so that no optimiser or gradient exchange waits for it.
        self.never_used = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        first_BCHW = self.units[0](x_BCHW)
        second_BCHW = self.units[1](first_BCHW)
        joined = torch.cat([self.join_weights[0] * second_BCHW, self.join_weights[1] * first_BCHW], dim=1)
        change_BCHW: Tensor = self.last(self.gate(self.join(joined).relu())).relu()
        return self.weights[0] * x_BCHW + self.weights[1] * change_BCHW


class HighPreservingBlock(nn.Module):
    """Low frequencies refined at half resolution, high ones at full (paper, section 3.2: HPB). Keeps the shape.

    What averaging 2 × 2 pixels loses is the high part (the paper's high-frequency filtering module).
    """

    def __init__(self, channels: int, low_repeats: int) -> None:
        super().__init__()
        self.low_repeats = low_repeats
        self.encode = AdaptiveResidualBlock(channels)
        self.low = AdaptiveResidualBlock(channels)
        self.high = AdaptiveResidualBlock(channels)
        self.join = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.gate = ChannelGate(channels)
        self.decode = AdaptiveResidualBlock(channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        size = x_BCHW.shape[2:]
        encoded_BCHW = self.encode(x_BCHW)
        low_BChw = functional.avg_pool2d(encoded_BCHW, 2)
        high_BCHW = self.high(encoded_BCHW - _enlarge(low_BChw, size))
        for _ in range(self.low_repeats):
            low_BChw = self.low(low_BChw)
        joined = torch.cat([_enlarge(low_BChw, size), high_BCHW], dim=1)
        restored_BCHW: Tensor = self.decode(self.gate(self.join(joined).relu()))
        return restored_BCHW + x_BCHW


def _enlarge(x_BChw: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x_BChw, size=tuple(size), mode="bilinear", align_corners=True)


class SplitAttention(nn.Module):
    """Self-attention within segments of tokens (paper, section 3.3: EMHA). (B, N, F) → the same.

    softmax(q kᵀ / √d) v in each run of ⌊N / segments⌋ tokens, and in what is left over; q, k and v have half a token's
    features. Attention's operations fall by the number of segments; its memory does so too where the matrices are
    written out, which fused attention, as here, never does.
    """

    def __init__(self, settings: ESRTSettings) -> None:
        super().__init__()
        self.heads, self.segments = settings.heads, settings.segments
        per_head = {"token": settings.features, "head": settings.inner}[settings.attention_scale] / settings.heads
        self.scale = per_head**-0.5
        self.reduce = nn.Linear(settings.features, settings.inner, bias=False)
        self.qkv = nn.Linear(settings.inner, 3 * settings.inner, bias=False)
        self.project = nn.Linear(settings.inner, settings.features)

    def forward(self, x_BNF: Tensor) -> Tensor:
        batch, tokens, _ = x_BNF.shape
        qkv_BNF = self.qkv(self.reduce(x_BNF))
        qkv_3BMND = qkv_BNF.view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        length = max(tokens // self.segments, 1)
        attended_BMND = torch.cat([self._attend(segment) for segment in qkv_3BMND.split(length, dim=3)], dim=2)
        projected: Tensor = self.project(attended_BMND.transpose(1, 2).flatten(2))
        return projected

    def _attend(self, qkv_3BMND: Tensor) -> Tensor:
        q, k, v = qkv_3BMND.unbind(0)
        return functional.scaled_dot_product_attention(q, k, v, scale=self.scale)


class EfficientTransformer(nn.Module):
    """Pixels' neighbourhoods as tokens, one transformer layer, tokens as pixels again. (B, C, H, W) → the same.

    No position is embedded: a token knows where it is by its segment alone.
    """

    def __init__(self, settings: ESRTSettings) -> None:
        super().__init__()
        self.overlap = settings.overlap
        features = settings.features
        self.attention_norm = nn.LayerNorm(features)
        self.attention = SplitAttention(settings)
        self.feed_forward_norm = nn.LayerNorm(features)
        self.feed_forward = nn.Sequential(
            nn.Linear(features, features // 4), nn.ReLU(), nn.Linear(features // 4, features)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        size = tuple(x_BCHW.shape[2:])
        x_BNF = functional.unfold(x_BCHW, PATCH, padding=PATCH // 2).transpose(1, 2)
        x_BNF = x_BNF + self.attention(self.attention_norm(x_BNF))
        x_BNF = x_BNF + self.feed_forward(self.feed_forward_norm(x_BNF))
        summed_BCHW = functional.fold(x_BNF.transpose(1, 2), size, PATCH, padding=PATCH // 2)
        return summed_BCHW if self.overlap == "sum" else summed_BCHW / _overlaps(x_BCHW)


def _overlaps(x_BCHW: Tensor) -> Tensor:
    """How many neighbourhoods each pixel lies in: 9 inside, 6 on an edge, 4 in a corner; (1, 1, H, W)."""
    ones_11HW = x_BCHW.new_ones(1, 1, *x_BCHW.shape[2:])
    return functional.avg_pool2d(ones_11HW, PATCH, 1, PATCH // 2, divisor_override=1)


class ESRT(nn.Module):
    """The network. Its output depends on the whole image: on means of channels, and on where the segments lie."""

    def __init__(self, settings: ESRTSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or ESRTSettings()
        width = settings.width
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(HighPreservingBlock(width, settings.low_repeats) for _ in range(settings.blocks))
        self.join = nn.Conv2d(settings.blocks * width, width, 3, padding=1)
        self.transformer = EfficientTransformer(settings)
        self.after_transformer = nn.Conv2d(width, width, 3, padding=1)
        self.weights = nn.Parameter(torch.ones(2))
        self.reduce = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Sequential(*upsampler(width, settings.scale), nn.Conv2d(width, 3, 3, padding=1))
        self.skip = nn.Sequential(*upsampler(width, settings.scale), nn.Conv2d(width, 3, 3, padding=1, bias=False))

    @property
    def scale(self) -> int:
        """Side of the result per side of the input."""
        return self.settings.scale

    def forward(self, image_B3HW: Tensor) -> Tensor:
        """Enlarge images.

        Args:
            image_B3HW: (B, 3, H, W) RGB, floating, 0 to 1; any height and width of at least 1.

        Returns:
            (B, 3, scale · H, scale · W), not clamped to 0 to 1.
        """
        height, width = image_B3HW.shape[2:]
        padded = self._padded(image_B3HW)
        return self._enlarge(padded)[:, :, : self.scale * height, : self.scale * width]

    def _padded(self, image_B3HW: Tensor) -> Tensor:
        """The last row and column repeated, up to the smallest side and, if asked for, until the segments are even."""
        height, width = image_B3HW.shape[2:]
        rows, columns = max(height, SMALLEST_SIDE), max(width, SMALLEST_SIDE)
        segments = self.settings.segments
        if self.settings.uneven == "pad" and rows * columns % segments:
            rows = (rows + segments - 1) // segments * segments
        if (rows, columns) == (height, width):
            return image_B3HW
        return functional.pad(image_B3HW, (0, columns - width, 0, rows - height), mode="replicate")

    def _enlarge(self, image_B3HW: Tensor) -> Tensor:
        shallow_BCHW = self.head(image_B3HW)
        x_BCHW, levels = shallow_BCHW, []
        for block in self.blocks:
            x_BCHW = block(x_BCHW)
            levels.append(x_BCHW)
        deep_BCHW = self.after_transformer(self.transformer(self.join(torch.cat(levels, dim=1))))
        body_BCHW = self.weights[0] * shallow_BCHW + self.weights[1] * deep_BCHW
        skip = self.skip(shallow_BCHW)
        enlarged: Tensor = self.tail(self.reduce(body_BCHW)) + (skip.relu() if self.settings.skip_relu else skip)
        return enlarged


def _listing(scale: int, published_parameters: str, published_macs: str) -> Listing:
    return Listing(
        "esrt",
        lambda: ESRT(ESRTSettings(scale=scale)),
        f"×{scale}",
        {"width": ESRTSettings.width, "segments": ESRTSettings.segments},
        input=(48, 48),
        published_parameters=published_parameters,
        published_macs=published_macs,
    )


LISTED = (_listing(2, "677,783", "1.993 G"), _listing(3, "770,263", "2.225 G"), _listing(4, "751,767", "2.720 G"))
"""The published figures are those measured on the authors' code; of ×4 the paper says 751K parameters."""
