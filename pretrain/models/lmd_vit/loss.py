"""What teaches LMD-ViT's predictors which windows to keep: the mask of what is blurred.

The paper says that the pruning is guided by masks; the form of its loss is unpublished. Ours is a cross-entropy for
every window, because the window is what is decided: the logits that it sees are the means that inference holds against
its threshold, on the grid (plain or shifted) that they decide for. A loss for every feature would punish a window half
of which is blurred for any answer; this one asks for what inference needs, "keep it if one pixel is blurred".
"""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from million_ird.windows import padding
from pretrain.models.lmd_vit.settings import DecisionMap, LMDViTSettings
from pretrain.models.lmd_vit.windows import window_means


def window_labels(mask_B1HW: Tensor, decided: DecisionMap, settings: LMDViTSettings) -> Tensor:
    """(B, R, K) bool: the windows with a blurred pixel, `million_ird.windows.window_labels` with its rule "any".

    Args:
        mask_B1HW: of the picture before padding; what is above 0 is blurred. Padding is not blurred.
        decided: whose grid.
        settings: of the network.
    """
    height, width = mask_B1HW.shape[-2:]
    frame = padding(height, width, settings.multiple)
    right, bottom = frame.width - width - frame.left, frame.height - height - frame.top
    blurred_B1HW = functional.pad((mask_B1HW > 0).float(), (frame.left, right, frame.top, bottom))
    side = settings.window << decided.level
    if decided.shifted:
        blurred_B1HW = torch.roll(blurred_B1HW, (-(side // 2), -(side // 2)), (2, 3))
    return functional.max_pool2d(blurred_B1HW, side)[:, 0] > 0


def pruning_loss(logits: Sequence[Tensor], mask_B1HW: Tensor, settings: LMDViTSettings) -> Tensor:
    """Mean over the decision maps of the mean cross-entropy of their windows: 0 or more, ln 2 where nothing is known.

    Every map counts alike, however many windows it has: a block of the bottleneck spends on 16 windows what one of the
    first stage spends on 3000.

    Args:
        logits: `Prediction.logits`.
        mask_B1HW: as in `window_labels`.
        settings: of the network.
    """
    losses = []
    for logits_B2hw, decided in zip(logits, settings.maps, strict=True):
        of_pixels_Bhw2 = logits_B2hw.float().permute(0, 2, 3, 1)
        of_windows_BRK2 = window_means(of_pixels_Bhw2, settings.window, shifted=decided.shifted)
        pruned_BRK = (~window_labels(mask_B1HW, decided, settings)).long()  # the index of the right logit
        losses.append(functional.cross_entropy(of_windows_BRK2.flatten(0, 2), pruned_BRK.flatten()))
    return torch.stack(losses).mean()
