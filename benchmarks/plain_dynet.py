"""The plain reference: DyNet written straight from its equations, in PyTorch's own operations, nothing fused or saved.

What a careful reader of the papers would write first, and so the baseline that `gpu_step.py` measures against: layer
norm by its formula on (B, H·W, C), attention on q and k normalised pixel by pixel, convolutions as convolutions. It
shares no code with `pretrain.models`; only the names of its weights are the same, so that a state dict of either loads
into the other and the outputs can be compared.

Sources: Dudhane et al., "Dynamic Pre-training", arXiv 2404.02154 (repeats, prompts on the skip connections), Potlapalli
et al., "PromptIR", arXiv 2306.13090 (prompt blocks), Zamir et al., "Restormer", arXiv 2111.09881 (blocks).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGE = (4, 6, 6, 8)
"""Applications of the blocks of levels 1, 2, 3 (encoder and decoder) and latent: DyNet-L."""
SMALL = (2, 3, 3, 4)
"""DyNet-S."""


class _LayerNorm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        tokens = x.flatten(2).transpose(1, 2)
        mean = tokens.mean(-1, keepdim=True)
        variance = tokens.var(-1, keepdim=True, unbiased=False)
        tokens = (tokens - mean) / torch.sqrt(variance + 1e-5) * self.weight + self.bias
        return tokens.transpose(1, 2).unflatten(2, (height, width))


class _Attention(nn.Module):
    """Restormer, equation (1): channels attend to channels."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.project_in = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.depthwise = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=False)
        self.project_out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        parts = self.depthwise(self.project_in(x)).chunk(3, dim=1)
        q, k, v = (part.reshape(batch, self.heads, channels // self.heads, height * width) for part in parts)
        q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
        attention = (q @ k.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        return self.project_out((attention @ v).reshape(batch, channels, height, width))


class _FeedForward(nn.Module):
    """Restormer, equation (2): one half gates the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = int(channels * 2.66)
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=False)
        self.depthwise = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.depthwise(self.project_in(x)).chunk(2, dim=1)
        return self.project_out(functional.gelu(gate) * value)


class _Block(nn.Module):
    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = _LayerNorm(channels)
        self.attention = _Attention(channels, heads)
        self.feed_forward_norm = _LayerNorm(channels)
        self.feed_forward = _FeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class _Level(nn.Module):
    """Distinct blocks, run one after the other, the whole row as often as asked."""

    def __init__(self, channels: int, heads: int, blocks: int = 1) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(channels, heads) for _ in range(blocks))

    def forward(self, x: Tensor, times: int = 1) -> Tensor:
        for _ in range(times):
            for block in self.blocks:
                x = block(x)
        return x


class _Prompt(nn.Module):
    """PromptIR, equations (3) to (5): a prompt mixed for the features, joined to them, a block, and a projection."""

    def __init__(self, channels: int, prompt: int, side: int, heads: int, out: int) -> None:
        super().__init__()
        self.components = nn.Parameter(torch.rand(5, prompt, side, side))
        self.mixture = nn.Linear(channels, 5)
        self.convolution = nn.Conv2d(prompt, prompt, 3, padding=1, bias=False)
        self.block = _Block(channels + prompt, heads)
        self.reduce = nn.Conv2d(channels + prompt, out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        shares = self.mixture(x.mean(dim=(2, 3))).softmax(dim=1)
        prompt = (shares[:, :, None, None, None] * self.components).sum(dim=1)
        prompt = self.convolution(functional.interpolate(prompt, x.shape[2:], mode="bilinear"))
        return self.reduce(self.block(torch.cat([x, prompt], dim=1)))


class _Resample(nn.Module):
    def __init__(self, channels: int, out: int, shuffle: nn.Module) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.shuffle = shuffle

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.convolution(x))


class PlainDyNet(nn.Module):
    """DyNet as published, sides of images multiples of 8; `model(x, repeats)` with x (B, 3, H, W) from 0 to 1.

    Args:
        width: channels at level 1.
        prompts: channels of the prompts at levels 2, 3 and latent.
        side: of the images for which prompts need no resizing.
    """

    def __init__(self, width: int = 48, prompts: Sequence[int] = (64, 128, 320), side: int = 128) -> None:
        super().__init__()
        one, two, three, four = (width * 2**level for level in range(4))
        heads = (1, 2, 4, 8)
        self.embed = nn.Conv2d(3, one, 3, padding=1, bias=False)
        self.encoder = nn.ModuleList(_Level(c, h) for c, h in zip((one, two, three), heads[:3], strict=True))
        self.down = nn.ModuleList(_Resample(c, c // 2, nn.PixelUnshuffle(2)) for c in (one, two, three))
        self.latent = _Level(four, heads[3])
        self.prompts = nn.ModuleDict(
            {
                "latent": _Prompt(four, prompts[2], side // 8, heads[2], three),
                "level_3": _Prompt(three, prompts[1], side // 4, heads[2], three),
                "level_2": _Prompt(two, prompts[0], side // 2, heads[2], two),
            }
        )
        self.up = nn.ModuleList(_Resample(c, 2 * c, nn.PixelShuffle(2)) for c in (two, three, three))
        self.reduce = nn.ModuleDict(
            {
                "level_3": nn.Conv2d(two + three, three, 1, bias=False),
                "level_2": nn.Conv2d(two + two, two, 1, bias=False),
            }
        )
        self.decoder = nn.ModuleList(_Level(c, h) for c, h in zip((two, two, three), heads[:3], strict=True))
        self.refinement = _Level(two, heads[0], blocks=4)
        self.output = nn.Conv2d(two, 3, 3, padding=1, bias=False)

    def forward(self, image: Tensor, repeats: Sequence[int] = LARGE) -> Tensor:
        """The restored images, not clamped."""
        first = self.encoder[0](self.embed(image), repeats[0])
        second = self.encoder[1](self.down[0](first), repeats[1])
        third = self.encoder[2](self.down[1](second), repeats[2])
        x = self.prompts["latent"](self.latent(self.down[2](third), repeats[3]))
        x = torch.cat([self.up[2](x), self.prompts["level_3"](third)], dim=1)
        x = self.decoder[2](self.reduce["level_3"](x), repeats[2])
        x = torch.cat([self.up[1](x), self.prompts["level_2"](second)], dim=1)
        x = self.decoder[1](self.reduce["level_2"](x), repeats[1])
        x = torch.cat([self.up[0](x), first], dim=1)
        x = self.refinement(self.decoder[0](x, repeats[0]))
        return self.output(x) + image
