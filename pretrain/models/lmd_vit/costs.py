"""What a pass of LMD-ViT costs, counted from the windows that each block really keeps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pretrain.models.lmd_vit.settings import LEVELS, LMDViTSettings
from pretrain.models.operations import Macs

_DEEPEST = max(LEVELS)


def count_pass(settings: LMDViTSettings, decisions: Sequence[Tensor]) -> Macs:
    """Multiply-accumulates at inference, of all pictures of the batch together.

    Args:
        settings: of the network.
        decisions: of the pass, one (B, R, K) for each of `settings.maps`, 0 or False for what is pruned; as `predict`
            gives them.
    """
    batch, rows, columns = decisions[0].shape
    pixels = batch * rows * columns * settings.window**2
    kept = [int(torch.count_nonzero(decided)) for decided in decisions]
    counted = count_fixed(settings, pixels)
    for windows, decided in zip(kept, settings.maps, strict=True):
        depth = settings.depths[decided.stage]
        blocks = depth // 2 if decided.shifted else depth - depth // 2
        counted += _times(count_window(settings, decided.stage), windows * blocks)
    return counted


def count_all(settings: LMDViTSettings, grids: Sequence[tuple[int, int]], *, kept: bool) -> Macs:
    """`count_pass` of one picture with all or no windows kept; `grids` as the network gives them."""
    return count_pass(settings, [torch.full((1, *grid), kept, device="cpu") for grid in grids])


def count_window(settings: LMDViTSettings, stage: int) -> Macs:
    """What one block of a stage spends on one window.

    A feature of C channels in a window of T takes 4 C² in the projections of attention and 2 T C in its products, and
    with e = `expansion` 2 e C² in the linear maps of the feed-forward part and 9 e C in its depthwise convolution.
    """
    features, channels, expansion = settings.window**2, settings.channels(stage), settings.expansion
    depthwise = features * 9 * expansion * channels
    return Macs(depthwise, depthwise, features * (4 + 2 * expansion) * channels**2, features * 2 * features * channels)


def count_fixed(settings: LMDViTSettings, pixels: int) -> Macs:
    """What runs whatever is kept: predictors, and convolutions between the stages; `pixels` with padding."""
    predictors = sum(
        (pixels >> 2 * decided.level) * _predictor(settings.channels(decided.stage)) for decided in settings.maps
    )
    channels = [settings.channels(stage) for stage in range(len(LEVELS))]
    convolutions = pixels * 9 * (3 * channels[0] + 4 * channels[-1])
    for level in range(_DEEPEST):
        convolutions += (pixels >> 2 * (level + 1)) * 16 * channels[level] * channels[level + 1]
    for stage in range(_DEEPEST, len(LEVELS) - 1):
        convolutions += (pixels >> 2 * LEVELS[stage]) * 4 * channels[stage] * (channels[stage + 1] // 2)
    return Macs(convolutions=convolutions, linears=predictors)


def _predictor(channels: int) -> int:
    """Per feature: C → C → C, C → C/2 → C/4 → 2."""
    half, quarter = channels // 2, channels // 4
    return 2 * channels**2 + channels * half + half * quarter + quarter * 2


def _times(macs: Macs, count: int) -> Macs:
    return Macs(macs.convolutions * count, macs.grouped * count, macs.linears * count, macs.attention * count)
