"""Prompts: learned pictures, mixed by what the whole image is like, that interact with the features of one level.

Source: Potlapalli et al., "PromptIR", arXiv 2306.13090, equations (1) to (3), with the shapes of the authors' code.

The only thing a prompt knows of the whole image is the mean of its features (`PromptInteraction.mean`).
Shape letters: B images, C channels, K components, Q channels of a prompt, S side of a component, H height, W width.
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models.pointwise import Pointwise
from pretrain.models.restormer import TransformerBlock, at_least_float32

Run = Callable[[nn.Module, Tensor], Tensor]
"""How a part of the network is applied to its input: see `pretrain.models.dynet.DyNet.forward`."""


def apply(module: nn.Module, x: Tensor) -> Tensor:
    """The part as it is, on the whole input: the ordinary `Run`."""
    result: Tensor = module(x)
    return result


class PromptInteraction(nn.Module):
    """A prompt made for the features given, joined to them, and worked into them by a transformer block.

    (B, channels, H, W) → (B, out_channels, H, W).
    """

    def __init__(
        self,
        channels: int,
        prompt_channels: int,
        side: int,
        components: int,
        heads: int,
        expansion: float,
        out_channels: int,
    ) -> None:
        super().__init__()
        self.components = nn.Parameter(torch.rand(components, prompt_channels, side, side))
        self.mixture = nn.Linear(channels, components)
        self.convolution = nn.Conv2d(prompt_channels, prompt_channels, 3, padding=1, bias=False)
        self.block = TransformerBlock(channels + prompt_channels, heads, expansion)
        self.reduce = Pointwise(channels + prompt_channels, out_channels)

    def forward(self, x_BCHW: Tensor, run: Run = apply) -> Tensor:
        prompt_BQHW = self.prompt(self.mean(x_BCHW), x_BCHW.shape[2], x_BCHW.shape[3])
        prompt_BQHW = run(self.convolution, prompt_BQHW)
        joined = torch.cat([x_BCHW, prompt_BQHW.to(x_BCHW.dtype)], dim=1)
        return run(self.reduce, run(self.block, joined))

    def mean(self, x_BCHW: Tensor) -> Tensor:
        """Mean over the pixels, (B, C), in float32 or better."""
        return x_BCHW.mean(dim=(2, 3), dtype=at_least_float32(x_BCHW.dtype))

    def prompt(self, mean_BC: Tensor, height: int, width: int) -> Tensor:
        """The components, mixed by the softmax of a linear map of the mean and resized; (B, Q, height, width)."""
        shares_BK = self.mixture(mean_BC).softmax(dim=1)
        prompt_BQSS = (shares_BK @ self.components.flatten(1)).unflatten(1, self.components.shape[1:])
        return functional.interpolate(prompt_BQSS, (height, width), mode="bilinear", align_corners=False)
