"""From a position of the sequence to a sample: read, cut, turn, make noisy; and what replaces a damaged picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import DatasetError
from million_ird.patches import Box
from pretrain.crop import TURNS, DamagedPatchError, turned
from pretrain.evaluate.protocols import noisy_levels
from pretrain.finetune.folders import TaskData
from pretrain.finetune.pictures import Example
from pretrain.finetune.sampler import Place, TaskSampler
from pretrain.images import Pixels
from pretrain.stream.samples import sample_rng

_ATTEMPTS = 16
"""Samples that are tried for one position. If all are damaged, most of a task is."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample. Pixels are levels 0 … 255, (side, side, 3)."""

    task: str
    input: NDArray[Any]
    """uint8; float32 where noise is neither clipped nor rounded."""
    target: Pixels
    damages: tuple[str, ...]
    """What was wrong with the pictures that should have been taken before, one line each; usually none."""


class SampleMaker:
    """Makes the samples of a run; several threads may ask at once.

    Args:
        tasks: by name.
        weights: relative share of each task.
        seed: of the run.
        side: of the squares in pixels.
    """

    def __init__(self, tasks: Mapping[str, TaskData], weights: Mapping[str, float], seed: int, side: int) -> None:
        self._tasks, self._seed, self._side = tasks, seed, side
        self.sampler = TaskSampler({name: tasks[name].samples for name in weights}, weights, seed)

    def sample(self, position: int, place: Place | None = None) -> Sample:
        """The sample at a position: the same wherever and whenever it is asked for.

        Args:
            position: 0 or greater.
            place: what the sampler says of it, where it was asked already (the sampler itself is for one thread).

        Raises:
            DatasetError: its picture and all substitutes are damaged.
        """
        damages: list[str] = []
        place = place or self.sampler.place(position)
        for attempt in range(_ATTEMPTS):
            try:
                given, target = self._make(place)
                return Sample(place.task, given, target, tuple(damages))
            except DamagedPatchError as error:
                damages.append(" ".join(str(error).split()))
            place = self.sampler.substitute(place, position, attempt)
        raise DatasetError(f"tasks.{place.task}: {_ATTEMPTS} pictures in a row are damaged; {damages[-1]}")

    def _make(self, place: Place) -> tuple[NDArray[Any], Pixels]:
        task = self._tasks[place.task]
        sigmas = task.settings.sigmas
        example = task.training[place.sample // max(1, len(sigmas))]
        sigma = sigmas[place.sample % len(sigmas)] if sigmas else 0.0
        rng = sample_rng(self._seed, place.epoch, f"{place.task} {sigma!r} {example.key}", 0)
        squares = _cut(example, self._side, rng)
        if not sigmas:
            return squares[0], squares[-1]
        return noisy_levels(squares[-1], rng.standard_normal(squares[-1].shape), sigma, task.settings.noise), squares[
            -1
        ]


def _cut(example: Example, side: int, rng: np.random.Generator) -> list[Pixels]:
    """The same random square of the degraded and the clean picture, turned the same way."""
    x = int(rng.integers(example.clean.width - side, endpoint=True))
    y = int(rng.integers(example.clean.height - side, endpoint=True))
    turn = int(rng.integers(TURNS))
    parts = [part for part in (example.degraded, example.clean) if part is not None]
    return [np.ascontiguousarray(turned(part.read(Box(x, y, side, side)), turn)) for part in parts]
