"""A batch while it is being filled: plain arrays, of this process or in memory that several processes share."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from math import prod
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from pretrain.stream.samples import Make, Sample
from pretrain.stream.settings import StreamSettings

_ALIGNMENT = 64  # bytes: each array begins on a cache line


@dataclass(frozen=True, slots=True)
class BatchArrays:
    """The arrays of b samples; shapes and ranges as in `Batch`."""

    inputs: NDArray[np.uint8]
    targets: NDArray[np.uint8]
    degraded: NDArray[np.bool_]
    masked: NDArray[np.bool_]
    kinds: NDArray[np.uint8]
    patches: NDArray[np.int64]
    """Number of each sample's patch in the index: (b,)."""
    substituted: NDArray[np.bool_]
    """Whether it stands for a damaged one: (b,)."""

    def put(self, row: int, sample: Sample) -> None:
        """Writes one sample; pixels go from (s, s, 3) to (3, s, s)."""
        cv2.split(sample.made.input, list(self.inputs[row]))  # three times as fast as assigning the transposed array
        cv2.split(sample.target, list(self.targets[row]))
        self.degraded[row] = sample.made.degraded
        self.masked[row] = sample.made.masked
        self.kinds[row] = sample.made.kinds
        self.patches[row] = sample.patch
        self.substituted[row] = bool(sample.damages)


@dataclass(frozen=True, slots=True)
class Geometry:
    """What the arrays of a step look like."""

    samples: int
    """b, the samples of a rank at each step."""
    stages: tuple[tuple[int, int, tuple[int, int]], ...]
    """First step, side of its crops, their cells (gh, gw)."""

    @staticmethod
    def of(settings: StreamSettings, samples: int, make: Make) -> Geometry:
        """Asks `make` for the cells of each size of crops, on a black one."""
        stages = []
        for first, side in settings.stages:
            made = make(np.zeros((side, side, 3), np.uint8), np.random.default_rng(0))
            if made.input.shape != (side, side, 3) or made.input.dtype != np.uint8:
                raise UsageError(f"what makes samples gave {made.input.dtype} {made.input.shape} for a crop of {side}")
            rows, columns = made.degraded.shape
            stages.append((first, side, (rows, columns)))
        return Geometry(samples, tuple(stages))

    def side(self, step: int) -> int:
        return self._stage(step)[1]

    def slot_bytes(self) -> int:
        """Bytes that the arrays of any step fit into."""
        return max(self._layout(side, cells)[-1][1] for _, side, cells in self.stages)

    def arrays(self, step: int, memory: mmap.mmap | NDArray[np.uint8], start: int = 0) -> BatchArrays:
        """The arrays of a step, laid into `memory` from the byte `start` on."""
        _, side, cells = self._stage(step)
        layout = self._layout(side, cells)
        return BatchArrays(
            *(
                np.frombuffer(memory, kind, prod(shape), start + offset).reshape(shape)
                for (shape, kind), (offset, _) in zip(self._shapes(side, cells), layout, strict=True)
            )
        )

    def _stage(self, step: int) -> tuple[int, int, tuple[int, int]]:
        return [stage for stage in self.stages if stage[0] <= step][-1]

    def _shapes(self, side: int, cells: tuple[int, int]) -> list[tuple[tuple[int, ...], Any]]:
        count = self.samples
        pixels, grid = (count, 3, side, side), (count, *cells)
        kinds = (np.uint8, np.uint8, np.bool_, np.bool_, np.uint8, np.int64, np.bool_)
        return list(zip((pixels, pixels, grid, grid, grid, (count,), (count,)), kinds, strict=True))

    def _layout(self, side: int, cells: tuple[int, int]) -> list[tuple[int, int]]:
        """First byte of each array, and of what may follow."""
        layout, offset = [], 0
        for shape, kind in self._shapes(side, cells):
            end = offset + prod(shape) * np.dtype(kind).itemsize
            end += -end % _ALIGNMENT
            layout.append((offset, end))
            offset = end
        return layout
