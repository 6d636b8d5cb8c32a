"""What a fine-tuned network is judged by: pictures that were held out of each task, always degraded the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from million_ird.errors import DatasetError
from million_ird.metrics import luma, psnr, weighted_psnr
from million_ird.patches import Box
from pretrain.crop import DamagedPatchError
from pretrain.degradations import Degraded
from pretrain.degradations.resize import as_large
from pretrain.finetune.examples import Example
from pretrain.finetune.folders import TaskData
from pretrain.finetune.samples import degraded_crop
from pretrain.levels import Picture, to_unit
from pretrain.local_blur.crops import choose_crop
from pretrain.local_blur.masks import Mask
from pretrain.stream.samples import sample_rng
from pretrain.validate import MOST_DB, Task, rgb_psnr

_ATTEMPTS = 16
"""Drawings of a synthetic blur, until some of it lies in the square that is judged."""


def judged_tasks(tasks: Mapping[str, TaskData], largest_side: int) -> list[Task]:
    """A task of the validation for each σ of a task of noise and each quality of one of JPEGs, and one for each other.

    The score is PSNR: of the degraded pixels alone where there are masks; of luma for super-resolution, without as many
    pixels along the edges as the scale says, as the literature has it; else of RGB.

    Args:
        tasks: those that are trained.
        largest_side: of the square that is judged, in pixels of the clean picture; or the shortest side of a task's
            pictures, where that is less; 0: whole pictures. The square lies around the centre; of triples, around a
            blurred pixel.
    """
    found = []
    for name, task in tasks.items():
        if not task.held_out:
            continue
        side = min([largest_side, *(min(each.clean.width, each.clean.height) for each in task.held_out)])
        for strength in task.degradations or (0.0,):
            pictures = _HeldOut(task, strength, side)
            called = f"{name}_{strength:g}" if strength else name
            found.append(Task(called, len(task.held_out), pictures.pair, score=pictures.score))
    return found


def input_scores(tasks: Sequence[Task]) -> dict[str, float]:
    """What the inputs themselves score on average, in dB, by task: what a network has to beat. Inputs that are smaller
    than the clean pictures are enlarged by bicubic interpolation and rounded. Damaged pictures are left out."""
    scores = {}
    for task in tasks:
        found = [score for score in map(partial(_input_score, task), range(task.count)) if score is not None]
        if found:
            scores[task.name] = sum(found) / len(found)
    return scores


def _input_score(task: Task, index: int) -> float | None:
    try:
        seen, clean = task.pair(index)
    except DatasetError:  # the validation will say so
        return None
    return min(task.score(index, as_large(seen, clean), clean), MOST_DB)


class _HeldOut:
    """The held-out examples of a task under one of its degradations."""

    def __init__(self, task: TaskData, strength: float, side: int) -> None:
        self._task, self._strength, self._side = task, strength, side
        self._masks: dict[int, Mask] = {}

    def pair(self, index: int) -> tuple[Picture, Picture]:
        """(input, clean) in [0, 1], or beyond where noise is not clipped."""
        try:
            made = self._make(index)
        except DamagedPatchError as error:
            raise DatasetError(
                f"tasks.{self._task.name}: a picture held out for validation is damaged: {error}"
            ) from error
        if made.mask is not None:
            self._masks[index] = made.mask
        return to_unit(made.input), to_unit(made.target)

    def score(self, index: int, restored: Picture, clean: Picture) -> float:
        """See `judged_tasks`. The pair has been asked for before."""
        scale = self._task.settings.scale
        if self._task.settings.kind.has_masks:
            return weighted_psnr(restored, clean, self._masks[index], 1.0)
        if scale > 1:
            return psnr(luma(restored, 1.0), luma(clean, 1.0), 1.0, border=scale)
        return rgb_psnr(index, restored, clean)

    def _make(self, index: int) -> Degraded:
        """The first drawing in which something is degraded; nearly always that is the first of all."""
        example = self._task.held_out[index]
        degradation = self._task.degradations.get(self._strength)
        mask = example.mask.read() if example.mask else None
        for attempt in range(_ATTEMPTS):
            rng = sample_rng(0, 0, f"{self._strength!r} {example.key}", attempt)
            made = degraded_crop(example, mask, degradation, self._box(example, mask, rng), rng)
            if made.mask is None or made.mask.any():
                return made
        raise DatasetError(f"tasks.{self._task.name}: nothing is blurred in the square of {example.key} that is judged")

    def _box(self, example: Example, mask: Mask | None, rng: np.random.Generator) -> Box:
        clean, settings = example.clean, self._task.settings
        if mask is not None and self._side:
            x, y, _ = choose_crop(mask, self._side, 1.0, settings.speck, rng)
            return Box(x, y, self._side, self._side)
        width, height = self._side or clean.width, self._side or clean.height
        x, y, width, height = (
            number // settings.scale * settings.scale
            for number in ((clean.width - width) // 2, (clean.height - height) // 2, width, height)
        )
        return Box(x, y, width, height)
