"""LMD-ViT: a U-shape of nine stages of window transformers that leave out what is sharp.

Source: Li et al., "Adaptive Window Pruning for Efficient Local Motion Deblurring", arXiv 2306.14268, and the authors'
released code (model_hw.py, test.py), which is inference alone.

    image ─ embed ─ enc0 ──────────────────────────────── ⊕ ─ dec3 ─ output: residual and gate ─ + image
                     └ enc1 ────────────────────── ⊕ ─ dec2 ┘
                         └ enc2 ──────────── ⊕ ─ dec1 ┘
                             └ enc3 ── ⊕ ─ dec0 ┘
                                 └ bottleneck ┘
"""

# ruff: noqa: N803, N806, N815 - shape suffixes are upper case
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from million_ird.windows import padding
from pretrain.models.lmd_vit.decisions import draw_decisions, threshold_decisions
from pretrain.models.lmd_vit.predictor import Predictor
from pretrain.models.lmd_vit.settings import LEVELS, STAGE_NAMES, LMDViTSettings
from pretrain.models.lmd_vit.stage import Decide, Stage

_DEEPEST = max(LEVELS)


class Prediction(NamedTuple):
    """What a pass gives."""

    restored_B3HW: Tensor
    """Not clamped."""
    logits: tuple[Tensor, ...]
    """For each of `settings.maps`, (B, 2, h, w) at the resolution of its stage's features, of the padded picture, in
    the picture's place whether the map's grid is shifted or not; index 0 is for keeping."""
    decisions: tuple[Tensor, ...]
    """For each of `settings.maps`, (B, R, K): in training float 0 and 1 with a gradient, else bool; True is kept. The
    shifted grid's window (r, k) begins half a window below and right of the plain grid's."""


class LMDViT(nn.Module):
    """The network. (B, 3, H, W) float32, 0 to 1, any H and W → the same, not clamped.

    In training all windows are computed and each change is multiplied by a drawn decision, so that the gradient
    reaches the predictors; in eval mode decisions are thresholded and pruned windows are never computed. Draws (of
    decisions, and of branches left out) come from the generator given, or from PyTorch's global one.
    """

    scale = 1

    def __init__(self, settings: LMDViTSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or LMDViTSettings()
        channels = [self.settings.channels(stage) for stage in range(len(STAGE_NAMES))]
        self.embed = nn.Sequential(nn.Conv2d(3, channels[0], 3, padding=1), nn.LeakyReLU())
        self.stages = nn.ModuleList(Stage(self.settings, stage) for stage in range(len(STAGE_NAMES)))
        self.downs = nn.ModuleList(
            nn.Conv2d(channels[level], channels[level + 1], 4, stride=2, padding=1) for level in range(_DEEPEST)
        )
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(channels[stage], channels[stage + 1] // 2, 2, stride=2)
            for stage in range(_DEEPEST, len(STAGE_NAMES) - 1)
        )
        self.output = nn.Conv2d(channels[-1], 4, 3, padding=1)
        self.apply(_draw_weights)
        for parameter in self.output.parameters():  # a new network gives the picture back: most of it is sharp (ours)
            nn.init.zeros_(parameter)

    def forward(
        self, image_B3HW: Tensor, *, decisions: Sequence[Tensor] | None = None, explained: bool = False
    ) -> Tensor | Prediction:
        """The restored image, or with `explained` also how it was decided; `decisions` as in `predict`."""
        prediction = self.predict(image_B3HW, decisions=decisions)
        return prediction if explained else prediction.restored_B3HW

    def predict(
        self,
        image_B3HW: Tensor,
        *,
        decisions: Sequence[Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> Prediction:
        """The restored image and how it was decided.

        Args:
            decisions: to be taken instead of the predictors', one (B, R, K) for each of `settings.maps`, 0 or False
                for what is pruned; for tests and measurements. The predictors run all the same.
            generator: of the draws in training, on the image's device; None is PyTorch's global one.

        Raises:
            ValueError: decisions of other shapes than the image's grids.
        """
        batch, _, height, width = image_B3HW.shape
        if decisions is not None:
            self._check(decisions, batch, height, width)
        padded_B3HW, inside = self._padded(image_B3HW)
        result_B4HW, logits, decided = self._run(padded_B3HW, self._decider(decisions, generator), generator)
        gate_B1HW = result_B4HW[:, 3:].sigmoid().clamp(min=self.settings.smallest_gate)
        restored_B3HW = padded_B3HW + result_B4HW[:, :3] * gate_B1HW
        return Prediction(restored_B3HW[..., inside[0], inside[1]], tuple(logits), tuple(decided))

    def grids(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Rows and columns of windows of each of `settings.maps`, for a picture of height × width pixels."""
        frame = padding(height, width, self.settings.multiple)
        sides = [self.settings.window << decided.level for decided in self.settings.maps]
        return tuple((frame.height // side, frame.width // side) for side in sides)

    def _run(
        self, padded_B3HW: Tensor, decide: Decide, generator: torch.Generator | None
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        x_BCHW = self.embed(padded_B3HW)
        kept: list[Tensor] = []
        logits: list[Tensor] = []
        decided: list[Tensor] = []
        for index, stage in enumerate(self.stages):
            if 0 < index <= _DEEPEST:
                kept.append(x_BCHW)
                x_BCHW = self.downs[index - 1](x_BCHW)
            elif index > _DEEPEST:
                x_BCHW = torch.cat([self.ups[index - _DEEPEST - 1](x_BCHW), kept.pop()], dim=1)
            x_BHWC, of_pixels, of_windows = stage(x_BCHW.permute(0, 2, 3, 1), decide, generator)
            x_BCHW = x_BHWC.permute(0, 3, 1, 2)
            logits += [each.permute(0, 3, 1, 2) for each in of_pixels]
            decided += of_windows
        return self.output(x_BCHW), logits, decided

    def _padded(self, image_B3HW: Tensor) -> tuple[Tensor, tuple[slice, slice]]:
        """The picture in the middle of zeros, and the rows and columns where it lies."""
        height, width = image_B3HW.shape[-2:]
        frame = padding(height, width, self.settings.multiple)
        right, bottom = frame.width - width - frame.left, frame.height - height - frame.top
        padded_B3HW = functional.pad(image_B3HW, (frame.left, right, frame.top, bottom))
        return padded_B3HW, (slice(frame.top, frame.top + height), slice(frame.left, frame.left + width))

    def _decider(self, forced: Sequence[Tensor] | None, generator: torch.Generator | None) -> Decide:
        if forced is not None:
            given: Iterator[Tensor] = iter(forced)
            return lambda _logits, _before: next(given)
        if not self.training:
            return lambda logits, _before: threshold_decisions(logits)

        def draw(logits_BRK2: Tensor, before_BRK: Tensor | None) -> Tensor:
            drawn_BRK = draw_decisions(logits_BRK2, generator)
            return drawn_BRK * before_BRK if self.settings.chained and before_BRK is not None else drawn_BRK

        return draw

    def _check(self, decisions: Sequence[Tensor], batch: int, height: int, width: int) -> None:
        expected = [(batch, *grid) for grid in self.grids(height, width)]
        got = [tuple(decided.shape) for decided in decisions]
        if got != expected:
            raise ValueError(f"decisions: expected shapes {expected}, got {got}")


def _draw_weights(module: nn.Module) -> None:
    """Linear maps as vision transformers draw them, convolutions as PyTorch does by default (ours: no source is known).
    A predictor has five maps in a row, which so drawn leave nothing of the differences between pixels: 1e-5 in a new
    network's logits, 1e-7 in a narrow one's, and it takes thousands of steps to see any. Theirs keep them, with a
    spread of one over the root of their inputs (LeCun et al., "Efficient BackProp", 1998, section 4.6)."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    if isinstance(module, Predictor):  # after its maps, which were drawn as all others
        for part in module.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=part.in_features**-0.5)
