"""The predictor of confidence: is a feature worth working on?"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn

KEEP = 0
"""Index of the logit for keeping; the other one is for pruning (authors' code)."""


class Predictor(nn.Module):
    """Two logits for every feature of a picture: to keep it, and to prune it. (B, H, W, C) → (B, H, W, 2).

    Half of the channels stay each feature's own; the other half become their mean over the whole picture, padding
    included (authors' code). The only part of a block that sees more than a window.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Linear(channels, channels), nn.GELU(), nn.LayerNorm(channels), nn.Linear(channels, channels)
        )
        self.judge = nn.Sequential(
            nn.Linear(channels, channels // 2),
            nn.GELU(),
            nn.Linear(channels // 2, channels // 4),
            nn.GELU(),
            nn.Linear(channels // 4, 2),
        )

    def forward(self, x_BHWC: Tensor) -> Tensor:
        own, shared = self.embed(x_BHWC).chunk(2, dim=-1)
        mean_B11D = shared.mean(dim=(1, 2), keepdim=True, dtype=torch.promote_types(shared.dtype, torch.float32))
        logits_BHW2: Tensor = self.judge(torch.cat([own, mean_B11D.to(shared.dtype).expand_as(shared)], dim=-1))
        return logits_BHW2
