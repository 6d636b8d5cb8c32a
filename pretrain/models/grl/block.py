"""A block of GRL, which mixes attention in windows and in stripes, and a stage of blocks."""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models.grl.local import LocalBranch
from pretrain.models.grl.precision import Norm
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.grl.stripe_attention import StripeAttention
from pretrain.models.grl.window_attention import WindowAttention


class MixedAttention(nn.Module):
    """Window attention on one half of the channels, stripe attention on the other, mixed by a linear map.

    Which grids are shifted and which way stripes lie follows from the block's number in its stage (authors' code):
    windows are shifted in blocks 0 and 2 of four, stripes in 2 and 3, stripes swap their sides in 1 and 3.
    """

    def __init__(self, settings: GRLSettings, index: int) -> None:
        super().__init__()
        width, heads = settings.width, settings.heads
        height, length = settings.stripe if index % 2 == 0 else settings.stripe[::-1]
        self.anchor_factor = settings.anchor_factor
        self.qkv = nn.Linear(width, 3 * width)
        self.anchor = nn.Linear(width, width // 2)
        self.window = WindowAttention(heads, settings.window, shifted=index % 2 == 0)
        self.stripe = StripeAttention(heads, (height, length), settings.anchor_factor, shifted=index % 4 in (2, 3))
        self.mix = nn.Linear(width, width)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """(B, H, W, C) → the same; windows and stripes fit into H and W."""
        of_window, of_stripe = self.qkv(x_BHWC).chunk(2, dim=-1)
        means_BCHW = functional.avg_pool2d(x_BHWC.permute(0, 3, 1, 2), self.anchor_factor)
        anchors = self.anchor(means_BCHW.permute(0, 2, 3, 1))
        parts = [self.window(of_window), self.stripe(of_stripe, anchors)]
        mixed: Tensor = self.mix(torch.cat(parts, dim=-1))
        return mixed


class Block(nn.Module):
    """x + norm(attention(x)) + local(x), then x + norm(feed-forward(x)): norms stand behind, as in Swin Transformer V2.

    Args:
        settings: of the network.
        index: the block's number in its stage.
        drop_path: probability of leaving out a normed branch, for each image, in training.
    """

    def __init__(self, settings: GRLSettings, index: int, drop_path: float) -> None:
        super().__init__()
        width, hidden = settings.width, settings.width * settings.expansion
        self.drop_path = drop_path
        self.attention = MixedAttention(settings, index)
        self.attention_norm = Norm(width)
        self.local = LocalBranch(width) if settings.local else None
        self.feed_forward = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.feed_forward_norm = Norm(width)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """(B, H, W, C) → the same."""
        attended = x_BHWC + self._dropped(self.attention_norm(self.attention(x_BHWC)))
        if self.local is not None:
            attended = attended + self.local(x_BHWC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return attended + self._dropped(self.feed_forward_norm(self.feed_forward(attended)))

    def _dropped(self, change_BHWC: Tensor) -> Tensor:
        """In training some images go without, drawn from PyTorch's global generator; the others get more for it."""
        if not self.training or self.drop_path == 0.0:
            return change_BHWC
        kept_B111 = torch.rand(change_BHWC.shape[0], 1, 1, 1, device=change_BHWC.device) >= self.drop_path
        return change_BHWC * (kept_B111 / (1.0 - self.drop_path)).to(change_BHWC.dtype)


class Stage(nn.Module):
    """x + convolution(blocks(x))."""

    def __init__(self, settings: GRLSettings, drop_paths: list[float]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(settings, index, rate) for index, rate in enumerate(drop_paths)))
        self.convolution = nn.Conv2d(settings.width, settings.width, 3, padding=1)

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """(B, H, W, C) → the same."""
        change_BCHW = self.convolution(self.blocks(x_BHWC).permute(0, 3, 1, 2))
        changed: Tensor = x_BHWC + change_BCHW.permute(0, 2, 3, 1)
        return changed
