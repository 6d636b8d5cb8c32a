"""The feed-forward part, which mixes neighbours inside each window."""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class WindowFeedForward(nn.Module):
    """Linear, GELU, 3×3 depthwise convolution, GELU, linear. (N, T, C) → the same.

    LeFF of Wang et al., "Uformer", arXiv 2106.03106, section 3.2, except that the convolution stays inside each window
    and continues it by reflection (authors' code), so that what is pruned cannot be seen by what is kept.
    """

    def __init__(self, channels: int, expansion: int, side: int) -> None:
        super().__init__()
        self.side = side
        hidden = channels * expansion
        self.widen = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, padding_mode="reflect")
        self.narrow = nn.Linear(hidden, channels)

    def forward(self, x_NTC: Tensor) -> Tensor:
        hidden_NTE = functional.gelu(self.widen(x_NTC))
        square_NEss = hidden_NTE.view(-1, self.side, self.side, hidden_NTE.shape[-1]).permute(0, 3, 1, 2)
        mixed_NEss = functional.gelu(self.depthwise(square_NEss))
        result: Tensor = self.narrow(mixed_NEss.flatten(2).transpose(1, 2))
        return result
