"""Clean pictures degraded as in a network's training, to see what it makes of them, and how good that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from million_ird.errors import UsageError
from million_ird.metrics import luma, psnr, weighted_psnr
from pretrain.corrupt import CorruptSettings, degrade
from pretrain.degradations import Degradation, Degraded, LocalBlur, degrade_whole
from pretrain.degradations.resize import cut_to_multiple
from pretrain.evaluate.network_degradations import network_degradations
from pretrain.images import Pixels
from pretrain.masking import MaskSettings
from pretrain.models.dynet import DyNetSettings
from pretrain.models.families import scale_of, settings_of
from pretrain.models.pretrained import Pretrained
from pretrain.recipe_in_weights import recipe_sections, tasks_in
from pretrain.stream.samples import sample_rng

CROP = 128
"""Side of the squares in which a clean picture is corrupted: a training crop of the paper."""
_SEED = 0


class Trial(Protocol):
    """What clean pictures are put through: degraded, restored by a network, judged."""

    @property
    def metric(self) -> str:
        """What `score` measures, in words."""

    def degrade(self, clean: Pixels, name: str) -> Degraded:
        """The input, and what of the clean picture it should become. What is drawn depends on `name` alone.

        Raises:
            UsageError: the picture is too small.
        """

    def score(self, restored: Pixels, made: Degraded) -> float | None:
        """PSNR in dB; None where nothing was degraded."""


@dataclass(frozen=True)
class CorruptionTrial:
    """Pre-training's: two sections of its recipe. The picture is cut to whole squares of 128, each of which is
    corrupted and masked."""

    corrupt: CorruptSettings = field(default_factory=CorruptSettings)
    """Kinds and levels."""
    mask: MaskSettings = field(default_factory=MaskSettings)
    """Which cells."""

    @property
    def metric(self) -> str:
        """PSNR over RGB."""
        return "RGB"

    def degrade(self, clean: Pixels, name: str) -> Degraded:
        """See `Trial`. The randomness comes from `name` and the number of the square."""
        height, width = (length // CROP * CROP for length in clean.shape[:2])
        if not height or not width:
            size = f"{clean.shape[1]}×{clean.shape[0]}"
            raise UsageError(f"{size}, to corrupt it {CROP}×{CROP} are needed")
        clean = np.ascontiguousarray(clean[:height, :width])
        seen = np.empty_like(clean)
        places = [(y, x) for y in range(0, height, CROP) for x in range(0, width, CROP)]
        for number, (y, x) in enumerate(places):
            square = np.s_[y : y + CROP, x : x + CROP]
            rng = sample_rng(_SEED, 0, name, number)
            seen[square] = degrade(np.ascontiguousarray(clean[square]), rng, self.corrupt, self.mask).input
        return Degraded(seen, clean)

    def score(self, restored: Pixels, made: Degraded) -> float:
        """PSNR over RGB."""
        return psnr(restored, made.target, 255)


@dataclass(frozen=True)
class DegradationTrial:
    """A fine-tuning task's degradation."""

    degradation: Degradation
    """Of several strengths, the first."""
    local: bool
    """Whether it degrades a part of the picture, of which it has a mask."""

    @property
    def metric(self) -> str:
        """As the literature has it for such tasks."""
        scale = self.degradation.scale
        if scale > 1:
            return f"luma, without {scale} pixels of border"
        return "the blurred pixels alone" if self.local else "RGB"

    def degrade(self, clean: Pixels, name: str) -> Degraded:
        """See `Trial`."""
        scale = self.degradation.scale
        if min(clean.shape[:2]) < 2 * scale + 1:
            raise UsageError(f"{clean.shape[1]}×{clean.shape[0]}, {2 * scale + 1} are needed along each side")
        return degrade_whole(self.degradation, cut_to_multiple(clean, scale), name)

    def score(self, restored: Pixels, made: Degraded) -> float | None:
        """See `Trial`."""
        scale = self.degradation.scale
        if scale > 1:
            y, truth = luma(restored, 255), luma(made.target, 255)
            return psnr(y, truth, 255, border=scale)
        if made.mask is None:
            return psnr(restored, made.target, 255)
        return weighted_psnr(restored, made.target, made.mask, 255) if made.mask.any() else None


def trial_of(network: Pretrained, checkpoint: str) -> Trial:
    """The first degradation of the task that a network was fine-tuned for, downscaling for one that enlarges, or the
    corruption of pre-training.

    Raises:
        UsageError: the network was fine-tuned on pairs alone, which come degraded.
        DatasetError: the recipe in the checkpoint cannot be read.
    """
    tasks = tasks_in(network.metadata, checkpoint)
    if tasks and not any(task.degradations or task.kind.stand_in for task in tasks):
        raise UsageError(
            f"--degrade: {checkpoint} was fine-tuned on pairs, which nothing here can make: restore degraded pictures"
        )
    settings = settings_of(network.model)
    if tasks or scale_of(settings) > 1 or not isinstance(settings, DyNetSettings):
        degradation = network_degradations(network, checkpoint)[0]
        return DegradationTrial(degradation, isinstance(degradation, LocalBlur))
    return recipe_sections(CorruptionTrial, network.metadata, checkpoint)
