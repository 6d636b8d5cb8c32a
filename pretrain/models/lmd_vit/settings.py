"""What decides LMD-ViT's shapes, and which decision maps follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from million_ird.errors import UsageError
from pretrain.models.limits import check_blocks

STAGE_NAMES = ("enc0", "enc1", "enc2", "enc3", "bottleneck", "dec0", "dec1", "dec2", "dec3")
"""The nine stages in the order in which they run."""
LEVELS = (0, 1, 2, 3, 4, 3, 2, 1, 0)
"""How often each stage's side has been halved."""
_CHANNELS = (1, 2, 4, 8, 16, 16, 8, 4, 2)
"""Channels of each stage per channel of the first. A decoder stage holds twice those of the encoder stage of its
level: what comes from below, and that stage's result."""
_PREDICTORS = 2
LARGEST_WINDOW = 32
"""Of a window's side: its table of all pairs, of which every block has one, then takes 8 MB."""


@dataclass(frozen=True)
class DecisionMap:
    """One of the network's maps of decisions: which windows of one grid of one stage are kept."""

    stage: int
    """Index of the stage, 0 to 8."""
    shifted: bool
    """Whether the grid is the one shifted by half a window, of the stage's blocks 1, 3, 5 …"""
    level: int
    """How often the stage's side has been halved: its windows are `window << level` pixels wide."""


@dataclass(frozen=True)
class LMDViTSettings:
    """Shapes of the network; the defaults are the authors' (model_hw.py and test.py)."""

    family: Literal["lmd-vit"] = field(default="lmd-vit", kw_only=True)
    """Of the network: LMD-ViT."""
    width: int = 32
    """Channels of the first stage; all others follow (authors' code)."""
    window: int = 8
    """Side of a window in features, an even number from 2 to 32 (authors' code)."""
    depths: tuple[int, ...] = (1, 2, 8, 8, 2, 8, 8, 2, 1)
    """Blocks of the nine stages, at most 1000 in all (authors' code)."""
    heads: tuple[int, ...] = (1, 2, 4, 8, 16, 16, 8, 4, 2)
    """Attention heads of the nine stages (authors' code)."""
    expansion: int = 4
    """Hidden channels of the feed-forward part per channel (authors' code)."""
    drop_path: float = 0.1
    """Largest probability, in [0, 1), with which training leaves out a residual branch for a picture. It rises evenly
    over the encoder's blocks from 0, holds in the bottleneck and falls evenly over the decoder's. The largest value is
    the authors' code's, its spread is ours, the habit of such networks."""
    chained: bool = True
    """In training, whether the shifted grid keeps a window only where the plain grid's window of the same row and
    column is kept too (authors' code, which does so in training alone). False: each map is drawn by itself, as each is
    decided by itself at inference."""
    smallest_gate: float = 0.1
    """The gate on the residual picture is never below this, in [0, 1] (authors' code)."""

    def __post_init__(self) -> None:
        if self.width < 4 or self.width % 4:
            raise UsageError(f"width: got {self.width}, expected a multiple of 4, which the predictors' halves need")
        if not 2 <= self.window <= LARGEST_WINDOW or self.window % 2:
            raise UsageError(f"window: got {self.window}, expected an even number from 2 to {LARGEST_WINDOW}")
        if self.expansion < 1:
            raise UsageError(f"expansion: got {self.expansion}, expected 1 or more")
        for name, numbers in (("depths", self.depths), ("heads", self.heads)):
            if len(numbers) != len(STAGE_NAMES) or min(numbers) < 1:
                raise UsageError(f"{name}: got {list(numbers)}, expected {len(STAGE_NAMES)} numbers of 1 or more")
        check_blocks("depths", sum(self.depths))
        for stage, heads in enumerate(self.heads):
            if self.channels(stage) % heads:
                raise UsageError(
                    f"heads: {heads} do not divide the {self.channels(stage)} channels of {STAGE_NAMES[stage]}"
                )
        if not 0 <= self.drop_path < 1:
            raise UsageError(f"drop_path: got {self.drop_path}, expected a number in [0, 1)")
        if not 0 <= self.smallest_gate <= 1:
            raise UsageError(f"smallest_gate: got {self.smallest_gate}, expected a number in [0, 1]")

    def channels(self, stage: int) -> int:
        """Channels of a stage, 0 to 8."""
        return self.width * _CHANNELS[stage]

    @property
    def multiple(self) -> int:
        """To what a picture's sides are padded, in pixels: the side of the bottleneck's windows (128)."""
        return self.window << max(LEVELS)

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image with all windows kept; see
        `pretrain.memory`. They are held in full resolution."""
        rows, columns = (-(-side // self.multiple) * self.multiple for side in (height, width))
        return 42 * self.width * rows * columns

    @property
    def maps(self) -> tuple[DecisionMap, ...]:
        """The decision maps in the order in which they are made (16): one for each of a stage's first two blocks."""
        return tuple(
            DecisionMap(stage, bool(block), LEVELS[stage])
            for stage, depth in enumerate(self.depths)
            for block in range(min(depth, _PREDICTORS))
        )

    def drop_paths(self) -> list[list[float]]:
        """Each block's probability of being left out, stage by stage (see `drop_path`)."""
        bottleneck = LEVELS.index(max(LEVELS))
        encoder, decoder = sum(self.depths[:bottleneck]), sum(self.depths[bottleneck + 1 :])
        rates = [self.drop_path * block / max(encoder - 1, 1) for block in range(encoder)]
        rates += [self.drop_path] * self.depths[bottleneck]
        rates += [self.drop_path * block / max(decoder - 1, 1) for block in reversed(range(decoder))]
        starts = [sum(self.depths[:stage]) for stage in range(len(self.depths))]
        return [rates[start : start + depth] for start, depth in zip(starts, self.depths, strict=True)]
