"""DyNet: one network whose blocks are applied as often as a variant says.

Source: Dudhane et al., "Dynamic Pre-training", arXiv 2404.02154, and the authors' code (net/DyNet_large.py and
net/DyNet_small.py, which differ in the repeats alone). With `shared=False` and `prompt_placement="decoder"` the same
definition is PromptIR (arXiv 2306.13090, net/model.py). Convolutions that the authors' code builds and never runs are
left out; `pretrain.models.counting` says how many parameters they hold.

Level 1 has the full resolution and `width` channels; each level below has half the side and twice the channels.

    image ─ embed ─ encoder 1 ─────────────(prompt 1)──── ⊕ ─ decoder 1 ─ refinement ─ output ─ + image
                        └ encoder 2 ────────(prompt 2)──── ⊕ ─ decoder 2 ┘
                              └ encoder 3 ───(prompt 3)──── ⊕ ─ decoder 3 ┘
                                     └ latent ─ prompt latent ┘
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.limits import check_blocks
from pretrain.models.pointwise import Pointwise
from pretrain.models.prompts import PromptInteraction, Run, apply
from pretrain.models.restormer import Downsample, TransformerBlock, Upsample
from pretrain.models.variants import LARGE, LEVELS, Variant

MULTIPLE = 2**LEVELS
"""Height and width are padded to a multiple of this: three times halved."""
PUBLISHED_WIDTH = 48
_PROMPT_CHANNELS = {"latent": 320, "level_3": 128, "level_2": 64, "level_1": 32}
"""Channels of the prompts at the published width (authors' code; level 1, which it lacks, continues the row)."""


@dataclass(frozen=True)
class DyNetSettings:
    """The recipe's section `[model]`: what decides the shapes of the weights and where prompts stand."""

    family: Literal["dynet"] = field(default="dynet", kw_only=True)
    """Of the network: DyNet and its controls."""
    width: int = PUBLISHED_WIDTH
    """Channels at level 1, an even number; everything else, prompts included, scales with it (authors' code: 48)."""
    heads: tuple[int, int, int, int] = (1, 2, 4, 8)
    """Attention heads at levels 1 to 3 and latent; prompts use those of level 3 (authors' code)."""
    expansion: float = 2.66
    """Hidden channels of the feed-forward per channel, above 0 (authors' code)."""
    refinement: int = 4
    """Blocks after the decoder at full resolution, each its own in every variant, 0 to 1000 (authors' code)."""
    shared: bool = True
    """One block per level, applied again and again (DyNet); else blocks of their own (PromptIR, the control)."""
    prompt_placement: Literal["skips", "decoder"] = "skips"
    """Whether the prompts of levels 2 and 3 act on the skip connections (DyNet's code) or on what the decoder's levels
    give (PromptIR's code)."""
    prompt_level_1: bool = False
    """One more prompt on the skip connection of level 1: in the paper's figure, not in the authors' code."""
    prompts: int = 5
    """Components that a prompt is mixed from (authors' code)."""
    prompt_crop: int = 128
    """Side, in pixels, of the input for which the components need no resizing; a multiple of 8 (authors' code: their
    sides are 64, 32 and 16 at levels 2, 3 and latent, which fits crops of 128)."""

    def __post_init__(self) -> None:
        for name in ("width", "expansion", "prompts", "prompt_crop"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name}: got {getattr(self, name)}, expected a number above 0")
        if self.width % 2:
            raise UsageError(f"width: got {self.width}, expected an even number")
        check_blocks("refinement", self.refinement, least=0)
        if self.prompt_crop % MULTIPLE:
            raise UsageError(f"prompt_crop: got {self.prompt_crop}, expected a multiple of {MULTIPLE}")
        if int(self.width * self.expansion) < 1:
            raise UsageError(f"expansion: {self.expansion} leaves no hidden channel at width {self.width}")
        if len(self.heads) != LEVELS + 1 or min(self.heads) < 1:
            raise UsageError(f"heads: got {list(self.heads)}, expected {LEVELS + 1} numbers of 1 or more")
        for level, heads in enumerate(self.heads, start=1):
            if self.channels(level) % heads:
                raise UsageError(f"heads: {heads} do not divide the {self.channels(level)} channels of level {level}")
        if self.prompt_level_1 and self.prompt_placement == "decoder":
            raise UsageError('prompt_level_1: stands on a skip connection, so prompt_placement must be "skips"')

    def channels(self, level: int) -> int:
        """Channels at a level: 1 to 3, and 4 for latent."""
        return self.width << (level - 1)

    def prompt_channels(self, name: str) -> int:
        """Channels of a prompt: in proportion to the width, rounded so that the heads divide the joined features."""
        features, heads = self.channels(_LEVEL_OF[name]), self.heads[2]
        joined = features + _PROMPT_CHANNELS[name] * self.width / PUBLISHED_WIDTH
        return heads * max(round(joined / heads), features // heads + 1) - features

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image; see `pretrain.memory`."""
        return self.held_per_pixel * height * width

    @property
    def held_per_pixel(self) -> int:
        """Of it, what a pixel takes in the feed-forward of decoder level 1 (2 · `width` channels): six times its hidden
        channels, and q, k and v besides."""
        return 6 * int(2 * self.width * self.expansion) + 16 * self.width


_LEVEL_OF = {"latent": 4, "level_3": 3, "level_2": 2, "level_1": 1}


class Level(nn.Module):
    """The blocks of one level: a single one, shared by all its applications, or one for each."""

    def __init__(self, blocks: int, channels: int, heads: int, expansion: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TransformerBlock(channels, heads, expansion) for _ in range(blocks))

    def forward(self, x_BCHW: Tensor, repeats: int, shared: bool, run: Run = apply) -> Tensor:
        for index in range(repeats):
            x_BCHW = run(self.blocks[0 if shared else index], x_BCHW)
        return x_BCHW


class DyNet(nn.Module):
    """The network: `model(x, variant)`.

    Args:
        settings: shapes.
        depth: of a network that shares no blocks, how many it has per level; a variant runs the first of them. A
            network that shares blocks has one per level and serves any variant.
    """

    def __init__(self, settings: DyNetSettings | None = None, depth: Variant | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or DyNetSettings()
        self.depth = None if settings.shared else depth or LARGE
        width, channels = settings.width, [settings.channels(level) for level in range(1, LEVELS + 2)]

        def level(index: int, blocks: int, level_channels: int) -> Level:
            return Level(blocks, level_channels, settings.heads[index], settings.expansion)

        encoder, latent, decoder = (
            (self.depth.encoder, self.depth.latent, self.depth.decoder) if self.depth else ((1, 1, 1), 1, (1, 1, 1))
        )
        # Decoder level 1 has twice the channels of encoder level 1: it takes the joined features without reducing them.
        decoder_channels = [channels[1], channels[1], channels[2]]
        self.embed = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.encoder = nn.ModuleList(level(i, encoder[i], channels[i]) for i in range(LEVELS))
        self.down = nn.ModuleList(Downsample(channels[i]) for i in range(LEVELS))
        self.latent = level(LEVELS, latent, channels[LEVELS])
        # After its prompt the latent level has the channels of level 3, so its upsampling ends in those of level 2.
        self.up = nn.ModuleList(Upsample(c) for c in (channels[1], channels[2], channels[2]))
        self.reduce = nn.ModuleDict(
            {
                "level_2": Pointwise(2 * channels[1], channels[1]),
                "level_3": Pointwise(channels[1] + channels[2], channels[2]),
            }
        )
        self.decoder = nn.ModuleList(level(i, decoder[i], decoder_channels[i]) for i in range(LEVELS))
        self.prompts = nn.ModuleDict({name: self._prompt(name) for name in self._prompt_names()})
        self.refinement = level(0, settings.refinement, channels[1])
        self.output = nn.Conv2d(channels[1], 3, 3, padding=1, bias=False)

    def forward(self, image_B3HW: Tensor, variant: Variant = LARGE, run: Run = apply) -> Tensor:
        """Restore images.

        Args:
            image_B3HW: (B, 3, H, W) RGB, floating, 0 to 1; any height and width of at least 1.
            variant: how often each block is applied.
            run: applies one part (a convolution, a block, a resampling) to its input. The network's structure is
                written once, here, and whoever wants its parts run otherwise (in bands of rows, with checkpointing,
                counted) passes another function. It may write a transformer block's result over its input, which
                nobody reads afterwards. What is not passed through `run` is cheap and pixel by pixel, or
                small: joining, adding, the mean and the mixing of prompts.

        Returns:
            (B, 3, H, W), not clamped to 0 to 1.

        Raises:
            UsageError: a variant that needs more blocks than a network that shares none has.
        """
        self.check_variant(variant)
        height, width = image_B3HW.shape[2:]
        padded = reflect_to_multiple(image_B3HW)
        restored = self.restore_padded(padded, variant, run)
        return restored[:, :, :height, :width]

    def restore_padded(self, image_B3HW: Tensor, variant: Variant, run: Run = apply) -> Tensor:
        """`forward` for an image whose height and width are multiples of 8."""
        x = run(self.embed, image_B3HW)
        skips = []
        for index in range(LEVELS):
            x = self._level(self.encoder[index], x, variant.encoder[index], run)
            skips.append(x)
            x = run(self.down[index], x)
        x = self._level(self.latent, x, variant.latent, run)
        x = self._interact("latent", x, run)
        for index in reversed(range(LEVELS)):
            name = f"level_{index + 1}"
            x, skip = run(self.up[index], x), skips.pop()
            if self.settings.prompt_placement == "skips":
                skip = self._interact(name, skip, run)
            x = torch.cat([x, skip], dim=1)
            del skip  # copied; without gradients its memory is free from here on
            if name in self.reduce:
                x = run(self.reduce[name], x)
            x = self._level(self.decoder[index], x, variant.decoder[index], run)
            if self.settings.prompt_placement == "decoder":
                x = self._interact(name, x, run)
        for block in self.refinement.blocks:
            x = run(block, x)
        return run(self.output, x) + image_B3HW

    def check_variant(self, variant: Variant) -> None:
        """Whether the network can run `variant`.

        Raises:
            UsageError: it needs more blocks than a network that shares none has.
        """
        if self.depth is None:
            return
        wanted = (*variant.encoder, variant.latent, *variant.decoder)
        present = (*self.depth.encoder, self.depth.latent, *self.depth.decoder)
        if any(w > p for w, p in zip(wanted, present, strict=True)):
            raise UsageError(
                f"variant {variant.name!r} runs {list(variant.repeats)} blocks, but this network, which shares none, "
                f"has {list(self.depth.repeats)}"
            )

    def _level(self, level: nn.Module, x: Tensor, repeats: int, run: Run) -> Tensor:
        result: Tensor = level(x, repeats, self.settings.shared, run)
        return result

    def _interact(self, name: str, x: Tensor, run: Run) -> Tensor:
        if name not in self.prompts:
            return x
        result: Tensor = self.prompts[name](x, run)
        return result

    def _prompt_names(self) -> list[str]:
        return ["latent", "level_3", "level_2"] + ["level_1"] * self.settings.prompt_level_1

    def _prompt(self, name: str) -> PromptInteraction:
        settings, level = self.settings, _LEVEL_OF[name]
        return PromptInteraction(
            channels=settings.channels(level),
            prompt_channels=settings.prompt_channels(name),
            side=settings.prompt_crop // 2 ** (level - 1),
            components=settings.prompts,
            heads=settings.heads[2],
            expansion=settings.expansion,
            out_channels=settings.channels(min(level, LEVELS)),
        )


def reflect_to_multiple(image_BCHW: Tensor) -> Tensor:
    """The image continued to the right and below by reflection, to a height and width that are multiples of 8.

    The edge is not repeated. An image too small for one reflection is reflected again at its other edge, and a single
    row or column repeated (as `numpy.pad` does in mode "reflect").
    """
    rows = _reflected(image_BCHW.shape[2], image_BCHW.device)
    columns = _reflected(image_BCHW.shape[3], image_BCHW.device)
    return image_BCHW.index_select(2, rows).index_select(3, columns)


def _reflected(length: int, device: torch.device) -> Tensor:
    """Indices 0 … length - 1, length - 2 …, as many as the next multiple of 8."""
    period = max(2 * (length - 1), 1)
    position = torch.arange((length + MULTIPLE - 1) // MULTIPLE * MULTIPLE, device=device) % period
    return torch.minimum(position, period - position)
