"""The batches of a fine-tuning, made ahead of their use by a few threads.

Threads, not processes: most of the work is decoding, which lets other threads run, and nothing has to be sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from million_ird.errors import DatasetError
from million_ird.order import step_positions
from pretrain.finetune.folders import TaskData
from pretrain.finetune.recipe import ReadingSettings
from pretrain.finetune.samples import Sample, SampleMaker
from pretrain.made_ahead import MadeAhead
from pretrain.stream.index import digest
from pretrain.stream.state import check_state

_LINES = 20
"""Damaged pictures that are reported one by one."""


@dataclass(frozen=True)
class FinetuneBatch:
    """This rank's samples of one step, in the order of their positions. Pixels are levels 0 … 255."""

    step: int
    inputs: Tensor
    """uint8, or float32 where a task's noise is neither clipped nor rounded; (b, 3, s / scale, s / scale)."""
    targets: Tensor
    """uint8, (b, 3, s, s)."""
    masks: Tensor | None
    """uint8, (b, 1, s, s), 1 = degraded; of tasks without masks 1 everywhere. None where no task has masks."""
    tasks: tuple[str, ...]
    """Task of each sample."""
    substituted: int
    """Samples whose own picture was damaged and that show another one."""


class FinetuneSource:
    """The endless batches of some tasks.

    Args:
        tasks: by name.
        weights: relative share of each task that takes part.
        seed: of the run.
        side: of the crops in pixels.
        reading: how pictures are read.
        say: takes a line for a person.
    """

    def __init__(
        self,
        tasks: Mapping[str, TaskData],
        weights: Mapping[str, float],
        seed: int,
        side: int,
        reading: ReadingSettings,
        say: Callable[[str], None],
    ) -> None:
        self._maker = SampleMaker(tasks, weights, seed, side)
        self._reading, self._say = reading, say
        chosen = [tasks[name].settings for name in weights]
        self._floats = any(each.kind.has_floats(each) for each in chosen)
        self._masked = any(each.kind.has_masks for each in chosen)
        self.places = self._maker.sampler.places
        """Places of each task among 840 samples."""
        self.fingerprint: str = digest([f"{name} {tasks[name].fingerprint}" for name in sorted(weights)])
        """Of the pictures, and of what is done to them."""
        self._seed, self._side = seed, side

    def state(self) -> dict[str, int | str]:
        """What, together with a step and the batch, decides all samples from there on."""
        places = " ".join(f"{name}={count}" for name, count in sorted(self.places.items()))
        return {"fingerprint": self.fingerprint, "seed": self._seed, "crop": self._side, "places": places}

    def check(self, state: Mapping[str, int | str]) -> None:
        """Raises `DatasetError` or `UsageError` if a checkpoint's `state` is of another sequence."""
        other = "the pictures of the tasks are not those of the checkpoint"
        check_state(state, self.state(), other, "give the same folders")

    def loader(
        self,
        batch_size: int,
        rank: int = 0,
        ranks: int = 1,
        start_step: int = 0,
        pin_memory: bool = False,
        *,
        substituted: int = 0,
    ) -> FinetuneBatches:
        """The batches of a rank from step `start_step` on.

        Args:
            batch_size: samples of a step on all ranks; a multiple of `ranks`.
            rank: this process, 0 … ranks - 1.
            ranks: processes that train together.
            start_step: the first step; no earlier one is replayed.
            pin_memory: tensors in page-locked memory, from where a GPU copies them while it computes.
            substituted: damaged samples that this rank met before `start_step`, so that their share goes on.

        Raises:
            UsageError: `ranks` does not divide the batch.
        """
        seen = len(step_positions(0, batch_size, rank, ranks)) * start_step
        damage = _Damage(self._reading, seen, substituted, self._say)
        plan = _Plan(batch_size, rank, ranks, self._floats, self._masked, pin_memory)
        return FinetuneBatches(self._maker, plan, start_step, damage, self._reading)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the batches of a rank are like."""

    batch: int
    rank: int
    ranks: int
    floats: bool
    masked: bool
    pinned: bool


class FinetuneBatches:
    """An endless iterator over the batches of a rank. Close it to end its threads. `FinetuneSource.loader` makes it."""

    def __init__(
        self, maker: SampleMaker, plan: _Plan, start_step: int, damage: _Damage, reading: ReadingSettings
    ) -> None:
        self._maker, self._plan, self._damage = maker, plan, damage
        self._made = MadeAhead(self._makers, start_step, reading.threads, reading.prefetch)

    @property
    def step(self) -> int:
        """The step of the next batch."""
        return self._made.step

    def __iter__(self) -> FinetuneBatches:
        return self

    def __next__(self) -> FinetuneBatch:
        """The batch of the next step. `DatasetError` if too many pictures are damaged."""
        step = self._made.step
        samples = self._made.take()
        self._damage.add(samples)
        return self._batch(step, samples)

    def close(self) -> None:
        """Ends the threads, which finish the sample they are at. It gives no more batches."""
        self._made.close()

    def _makers(self, step: int) -> list[Callable[[], Sample]]:
        positions = step_positions(step, self._plan.batch, self._plan.rank, self._plan.ranks)
        places = [(position, self._maker.sampler.place(position)) for position in positions]
        return [partial(self._maker.sample, *place) for place in places]

    def _batch(self, step: int, samples: Sequence[Sample]) -> FinetuneBatch:
        kind = np.float32 if self._plan.floats else np.uint8
        return FinetuneBatch(
            step,
            self._tensor(np.stack([s.input.transpose(2, 0, 1) for s in samples], dtype=kind)),
            self._tensor(np.stack([s.target.transpose(2, 0, 1) for s in samples])),
            self._tensor(np.stack([_plane(s) for s in samples])) if self._plan.masked else None,
            tuple(s.task for s in samples),
            sum(bool(s.damages) for s in samples),
        )

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._plan.pinned else tensor


def _plane(sample: Sample) -> NDArray[np.uint8]:
    """The mask of a sample, (1, s, s)."""
    if sample.mask is None:
        return np.ones((1, *sample.target.shape[:2]), np.uint8)
    return sample.mask.view(np.uint8)[None]


def share_of_tasks(batch: FinetuneBatch, names: Sequence[str]) -> dict[str, float]:
    """Share of each task in a batch, to be logged as `share/<task>`."""
    counts = Counter(batch.tasks)
    return {f"share/{name}": counts[name] / len(batch.tasks) for name in names}


class _Damage:
    """Counts damaged samples, says which pictures once, and ends the run when they are too many."""

    def __init__(self, reading: ReadingSettings, seen: int, damaged: int, say: Callable[[str], None]) -> None:
        self._reading, self._say = reading, say
        self._seen, self._damaged = seen, damaged
        self._said: set[str] = set()

    def add(self, samples: Sequence[Sample]) -> None:
        self._seen += len(samples)
        self._damaged += sum(bool(sample.damages) for sample in samples)
        for text in [text for sample in samples for text in sample.damages]:
            if text not in self._said and len(self._said) < _LINES:
                self._said.add(text)
                self._say(f"damaged, replaced by another picture: {text}")
        reading = self._reading
        if self._seen >= reading.damage_grace and self._damaged > reading.max_damaged_share * self._seen:
            raise DatasetError(
                f"{self._damaged:,} of {self._seen:,} samples were damaged, more than reading.max_damaged_share = "
                f"{reading.max_damaged_share:g} allows: mend or remove the pictures named above"
            )
