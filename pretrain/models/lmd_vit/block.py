"""One block: attention and feed-forward on the windows that are kept; what is pruned passes unchanged."""

# ruff: noqa: N803, N806, N815 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn

from pretrain.models.lmd_vit.attention import WindowAttention
from pretrain.models.lmd_vit.feed_forward import WindowFeedForward
from pretrain.models.window import merge, partition


class Block(nn.Module):
    """x + d · attention(norm(x) + modulator), then x + d · feed-forward(norm(x)), d being a window's decision.

    Args:
        channels: C.
        heads: of attention.
        side: of a window.
        expansion: of the feed-forward part.
        modulated: whether a learned value is added to each feature of a window by its place (decoder only).
        drop_path: probability with which training leaves out a branch for a picture.
    """

    modulator_TC: nn.Parameter | None

    def __init__(
        self, channels: int, heads: int, side: int, expansion: int, *, modulated: bool, drop_path: float
    ) -> None:
        super().__init__()
        self.side = side
        self.drop_path = drop_path
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, side)
        self.feed_forward_norm = nn.LayerNorm(channels)
        self.feed_forward = WindowFeedForward(channels, expansion, side)
        self.register_parameter("modulator_TC", nn.Parameter(torch.empty(side * side, channels)) if modulated else None)
        if self.modulator_TC is not None:
            nn.init.trunc_normal_(self.modulator_TC, std=0.02)

    def forward(
        self, x_BHWC: Tensor, decisions_BRK: Tensor, *, shifted: bool, generator: torch.Generator | None = None
    ) -> Tensor:
        """(B, H, W, C). In training all windows are computed and multiplied; else those with a decision other than 0.

        Where no window is kept at inference the result is x itself.
        """
        if not self.training and not decisions_BRK.any():
            return x_BHWC
        windows_BRKTC = partition(x_BHWC, (self.side, self.side), shifted=shifted)
        if self.training:
            changed_BRKTC = self._weighted(windows_BRKTC, decisions_BRK, generator)
        else:
            changed_BRKTC = self._gathered(windows_BRKTC, decisions_BRK)
        return merge(changed_BRKTC, (self.side, self.side), shifted=shifted)

    def _gathered(self, windows_BRKTC: Tensor, decisions_BRK: Tensor) -> Tensor:
        kept_BRK = decisions_BRK != 0
        changed_NTC = self._branches(windows_BRKTC[kept_BRK], None, None)
        return windows_BRKTC.index_put((kept_BRK,), changed_NTC.to(windows_BRKTC.dtype))

    def _weighted(self, windows_BRKTC: Tensor, decisions_BRK: Tensor, generator: torch.Generator | None) -> Tensor:
        weights = [self._weights(decisions_BRK, generator) for _ in range(2)]
        return self._branches(windows_BRKTC.flatten(0, 2), *weights).view(windows_BRKTC.shape)

    def _weights(self, decisions_BRK: Tensor, generator: torch.Generator | None) -> Tensor:
        """What a branch is multiplied by in each window, (N, 1, 1): its decision, and whether its picture drops it."""
        if self.drop_path:
            drawn_B = torch.rand(len(decisions_BRK), generator=generator, device=decisions_BRK.device)
            passed_B = (drawn_B >= self.drop_path).to(decisions_BRK.dtype) / (1 - self.drop_path)
            decisions_BRK = decisions_BRK * passed_B[:, None, None]
        return decisions_BRK.reshape(-1, 1, 1)

    def _branches(self, x_NTC: Tensor, attention_N11: Tensor | None, feed_forward_N11: Tensor | None) -> Tensor:
        normed_NTC = self.attention_norm(x_NTC)
        if self.modulator_TC is not None:
            normed_NTC = normed_NTC + self.modulator_TC
        x_NTC = x_NTC + _times(self.attention(normed_NTC), attention_N11)
        return x_NTC + _times(self.feed_forward(self.feed_forward_norm(x_NTC)), feed_forward_N11)


def _times(change_NTC: Tensor, weight_N11: Tensor | None) -> Tensor:
    return change_NTC if weight_N11 is None else change_NTC * weight_N11.to(change_NTC.dtype)
