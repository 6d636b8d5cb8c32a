"""Batches in the order of the steps, as tensors."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import DatasetError
from pretrain.stream.arrays import BatchArrays
from pretrain.stream.batch import Batch
from pretrain.stream.pool import WorkerPool
from pretrain.stream.selection import Selection
from pretrain.stream.share import Producer, Share

if TYPE_CHECKING:
    from torch import Tensor

_LINES = 20
"""Damaged patches that are reported one by one; of further ones only their number, each time it has doubled."""


class DamageCount:
    """Counts damaged samples, says which, and ends the run when they are too many.

    Args:
        share: largest share of the samples that may be damaged.
        grace: samples to see before that is judged.
        seen: samples seen before.
        damaged: of these, damaged ones.
        say: takes a line for a person.
    """

    def __init__(self, share: float, grace: int, seen: int, damaged: int, say: Callable[[str], None]) -> None:
        self._share, self._grace, self._say = share, grace, say
        self.seen, self.damaged = seen, damaged
        self._lines = 0
        self._next_count = 2 * _LINES

    def add(self, samples: int, substituted: int, damages: list[str]) -> None:
        """Takes the samples of a batch. `DatasetError` if too many were damaged by now."""
        self.seen += samples
        self.damaged += substituted
        for text in damages[: max(0, _LINES - self._lines)]:
            self._say(f"damaged, replaced by another patch: {text}")
        self._lines += len(damages)
        if self._lines >= self._next_count:
            self._say(f"{self._lines:,} damaged patches were met and replaced so far")
            self._next_count *= 2
        if self.seen >= self._grace and self.damaged > self._share * self.seen:
            raise DatasetError(
                f"{self.damaged:,} of {self.seen:,} samples were damaged, more than stream.max_damaged_share = "
                f"{self._share:g} allows: mend the dataset (`million-ird verify` says what is wrong with it)"
            )


class Loader:
    """An endless iterator over the batches of one rank. Close it, or use it as a context manager.

    `Stream.loader` makes it.
    """

    def __init__(
        self,
        share: Share,
        selection: Selection,
        start_step: int,
        damage: DamageCount,
        pin_memory: bool,
        say: Callable[[str], None],
    ) -> None:
        self.step = start_step
        """The step of the next batch."""
        self.damage = damage
        self._share, self._index, self._pin = share, selection.index, pin_memory
        workers = share.settings.workers
        self._pool = WorkerPool(share, workers, start_step, say) if workers else None
        self._producer = None if workers else Producer(share, selection)

    def __iter__(self) -> Loader:
        return self

    def __next__(self) -> Batch:
        """The batch of the next step.

        Raises:
            DatasetError: too much of the dataset is damaged.
            StoreError: a remote shard cannot be fetched.
            MillionIrdError: a worker fails again and again.
        """
        if self._pool is not None:
            arrays, damages = self._pool.take(self.step)
            batch = self._batch(arrays)
            self._pool.release(self.step)
        else:
            if self._producer is None:
                raise ValueError("this loader is closed")
            memory = np.empty(self._share.geometry.slot_bytes(), np.uint8)  # a bytearray would be cleared first
            arrays = self._share.geometry.arrays(self.step, memory)
            damages = self._producer.fill(self.step, arrays)
            batch = self._batch(arrays)
        self.damage.add(len(batch), batch.substituted, damages)
        self.step += 1
        return batch

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [] if self._pool is None else self._pool.pids

    def close(self) -> None:
        """Ends the workers and closes the shards. The loader gives no more batches."""
        if self._pool is not None:
            self._pool.close()
        if self._producer is not None:
            self._producer.close()
        self._pool = self._producer = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _batch(self, arrays: BatchArrays) -> Batch:
        """Tensors of their own, since the workers will fill the arrays anew."""
        return Batch(
            step=self.step,
            inputs=self._tensor(arrays.inputs),
            targets=self._tensor(arrays.targets),
            degraded=self._tensor(arrays.degraded),
            masked=self._tensor(arrays.masked),
            kinds=self._tensor(arrays.kinds),
            keys=tuple(self._index.key(number) for number in arrays.patches.tolist()),
            substituted=int(arrays.substituted.sum()),
        )

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        import torch  # not at the top: workers import this package and need no torch

        if self._pin:
            return torch.from_numpy(array).pin_memory()
        return torch.from_numpy(array.copy() if self._pool is not None else array)
