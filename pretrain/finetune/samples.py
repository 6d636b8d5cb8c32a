"""From a position of the sequence to a sample: read, cut, degrade, turn; and what replaces a damaged picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import DatasetError
from million_ird.patches import Box
from pretrain.crop import TURNS, DamagedPatchError, turned
from pretrain.degradations import Degradation, Degraded
from pretrain.finetune.examples import Example
from pretrain.finetune.folders import TaskData
from pretrain.finetune.pictures import AnyPicture
from pretrain.finetune.sampler import Place, TaskSampler
from pretrain.images import Pixels
from pretrain.local_blur.crops import choose_crop
from pretrain.local_blur.masks import Mask
from pretrain.stream.samples import sample_rng

_ATTEMPTS = 16
"""Samples that are tried for one position. If all are damaged, most of a task is."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample. Pixels are levels 0 … 255."""

    task: str
    input: NDArray[Any]
    """(side / scale, side / scale, 3), uint8; float32 where noise is neither clipped nor rounded."""
    target: Pixels
    """(side, side, 3)."""
    mask: Mask | None
    """(side, side), where it is degraded; None: everywhere."""
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
                made = self._make(place)
                return Sample(place.task, made.input, made.target, made.mask, tuple(damages))
            except DamagedPatchError as error:
                damages.append(" ".join(str(error).split()))
            place = self.sampler.substitute(place, position, attempt)
        raise DatasetError(f"tasks.{place.task}: {_ATTEMPTS} pictures in a row are damaged; {damages[-1]}")

    def _make(self, place: Place) -> Degraded:
        task = self._tasks[place.task]
        example, strength = task.sample(place.sample)
        rng = sample_rng(self._seed, place.epoch, f"{place.task} {strength!r} {example.key}", 0)
        mask = example.mask.read() if example.mask else None
        if mask is None:
            box, turn = _draw(example.clean, self._side, task.settings.scale, rng)
        else:
            x, y, turn = choose_crop(mask, self._side, task.settings.blur_aware, task.settings.speck, rng)
            box = Box(x, y, self._side, self._side)
        return _turned(degraded_crop(example, mask, task.degradations.get(strength), box, rng), turn)


def degraded_crop(
    example: Example, mask: Mask | None, degradation: Degradation | None, box: Box, rng: np.random.Generator
) -> Degraded:
    """A rectangle of an example, upright.

    Args:
        example: a pair, or a clean picture.
        mask: of the whole pair, where there is one.
        degradation: of a clean picture; a pair has none.
        box: the rectangle of the clean picture; its numbers are multiples of the degradation's scale.
        rng: decides what is random in the degradation.

    Raises:
        DamagedPatchError: a picture cannot be read.
    """
    clean = example.clean
    if example.degraded is not None:
        square = None if mask is None else mask[box.y : box.y + box.height, box.x : box.x + box.width]
        return Degraded(example.degraded.read(box), clean.read(box), square)
    assert degradation is not None
    region = degradation.region(box, clean.width, clean.height)
    return degradation.degrade(clean.read(region), region, box, rng)


def _draw(picture: AnyPicture, side: int, scale: int, rng: np.random.Generator) -> tuple[Box, int]:
    """A random square that begins at multiples of `scale`, and a turn."""
    x = scale * int(rng.integers((picture.width - side) // scale, endpoint=True))
    y = scale * int(rng.integers((picture.height - side) // scale, endpoint=True))
    return Box(x, y, side, side), int(rng.integers(TURNS))


def _turned(made: Degraded, turn: int) -> Degraded:
    """Everything turned the same way."""
    mask = None
    if made.mask is not None:
        mask = np.ascontiguousarray(turned(made.mask.view(np.uint8), turn)).view(np.bool_)
    seen, target = (np.ascontiguousarray(turned(picture, turn)) for picture in (made.input, made.target))
    return Degraded(seen, target, mask)
