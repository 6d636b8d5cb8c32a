"""Which windows LMD-ViT kept, as a picture, and how well they fit the mask of what is blurred."""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from million_ird.windows import padding
from pretrain.images import Pixels
from pretrain.models.lmd_vit.loss import window_labels
from pretrain.models.lmd_vit.settings import LMDViTSettings

_PRUNED = 0.25
"""Brightness that is left where every map prunes."""
_OUTLINED = 0.5
"""Share of the maps from which on a place is inside the line."""
_LINE = (255, 214, 0)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luma of ITU-R BT.601


def share_of_maps(
    decisions: Sequence[Tensor], settings: LMDViTSettings, height: int, width: int
) -> NDArray[np.float32]:
    """(height, width): for each pixel of a picture, the share of the decision maps that keep it, 0 to 1.

    Args:
        decisions: of one picture, (1, R, K) for each of `settings.maps`, as `LMDViT.predict` gives them.
        settings: of the network.
        height, width: of the picture, before padding.
    """
    frame = padding(height, width, settings.multiple)
    total_HW = torch.zeros(frame.height, frame.width)
    for decided_1RK, decided in zip(decisions, settings.maps, strict=True):
        side = settings.window << decided.level
        kept_HW = decided_1RK[0].float().cpu().repeat_interleave(side, 0).repeat_interleave(side, 1)
        total_HW += torch.roll(kept_HW, (side // 2, side // 2), (0, 1)) if decided.shifted else kept_HW
    inside_HW = total_HW[frame.top : frame.top + height, frame.left : frame.left + width]
    share: NDArray[np.float32] = (inside_HW / len(settings.maps)).numpy()
    return share


def draw_shares(picture: Pixels, share_HW: NDArray[np.float32]) -> Pixels:
    """The picture as it is where every map keeps it, dark and grey where none does, between the two elsewhere; with a
    line around what at least half of the maps keep.

    Args:
        picture: (H, W, 3) RGB uint8, what the network saw.
        share_HW: as `share_of_maps` gives it.
    """
    share_HW1 = share_HW[..., None]
    pruned_HW1 = _PRUNED * (picture @ _GREY)[..., None]
    drawn: Pixels = np.rint(share_HW1 * picture + (1 - share_HW1) * pruned_HW1).astype(np.uint8)
    drawn[_edges(share_HW >= _OUTLINED)] = _LINE
    return drawn


def _edges(inside_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels inside that have a neighbour outside, beyond the picture there being none."""
    around = np.pad(inside_HW, 1, mode="edge")
    return inside_HW & ~(around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:])


@dataclass(frozen=True)
class WindowCounts:
    """Windows of all maps of one picture or of several: counts, each window counting alike."""

    windows: int = 0
    kept: int = 0
    blurred: int = 0
    """With a blurred pixel."""
    both: int = 0
    """Kept, and with a blurred pixel."""

    def __add__(self, other: WindowCounts) -> WindowCounts:
        return WindowCounts(
            self.windows + other.windows,
            self.kept + other.kept,
            self.blurred + other.blurred,
            self.both + other.both,
        )

    @property
    def recall(self) -> float:
        """Share of the blurred windows that are kept; NaN where nothing is blurred."""
        return self.both / self.blurred if self.blurred else float("nan")

    @property
    def precision(self) -> float:
        """Share of the kept windows that are blurred; NaN where nothing is kept."""
        return self.both / self.kept if self.kept else float("nan")


def count_windows(
    decisions: Sequence[Tensor], mask: NDArray[np.bool_], settings: LMDViTSettings, level: int | None = None
) -> WindowCounts:
    """How the kept windows of a picture compare with its mask.

    Args:
        decisions, settings: as in `share_of_maps`.
        mask: (H, W) bool, True = blurred; a window with one such pixel is blurred.
        level: only maps of stages whose sides have been halved so often, 0 to 4; None: all.
    """
    mask_11HW = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    total = WindowCounts()
    for decided_1RK, decided in zip(decisions, settings.maps, strict=True):
        if level not in (None, decided.level):
            continue
        kept, blurred = decided_1RK.cpu() != 0, window_labels(mask_11HW, decided, settings)
        counts = (int(each.sum()) for each in (kept, blurred, kept & blurred))
        total += WindowCounts(kept.numel(), *counts)
    return total
