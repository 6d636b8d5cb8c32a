"""One AdaWPT stage: predictors decide which windows are worth working on, blocks work on those."""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pretrain.models.lmd_vit.block import Block
from pretrain.models.lmd_vit.predictor import Predictor
from pretrain.models.lmd_vit.settings import LEVELS, LMDViTSettings
from pretrain.models.lmd_vit.windows import window_means

Decide = Callable[[Tensor, Tensor | None], Tensor]
"""(B, R, K, 2) logits of a grid's windows, and the decisions of the stage's map before → (B, R, K) decisions."""


class Stage(nn.Module):
    """Blocks on the plain grid (0, 2, 4 …) and on the shifted one (1, 3, 5 …).

    Blocks 0 and 1 have a predictor each, which looks at what comes into the block (paper: AdaWPT-F); later ones reuse
    the decisions of their grid (AdaWPT-P).
    """

    def __init__(self, settings: LMDViTSettings, stage: int) -> None:
        super().__init__()
        self.side = settings.window
        channels = settings.channels(stage)
        self.blocks = nn.ModuleList(
            Block(
                channels,
                settings.heads[stage],
                settings.window,
                settings.expansion,
                modulated=stage > LEVELS.index(max(LEVELS)),
                drop_path=rate,
            )
            for rate in settings.drop_paths()[stage]
        )
        self.predictors = nn.ModuleList(Predictor(channels) for decided in settings.maps if decided.stage == stage)

    def forward(
        self, x_BHWC: Tensor, decide: Decide, generator: torch.Generator | None = None
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The features (B, H, W, C), each map's logits (B, H, W, 2), and its decisions (B, R, K)."""
        logits: list[Tensor] = []
        decisions: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            shifted = bool(index % 2)
            if index < len(self.predictors):
                logits.append(self.predictors[index](x_BHWC))
                of_windows = window_means(logits[-1].float(), self.side, shifted=shifted)
                decisions.append(decide(of_windows, decisions[-1] if decisions else None))
            x_BHWC = block(x_BHWC, decisions[index % 2], shifted=shifted, generator=generator)
        return x_BHWC, logits, decisions
