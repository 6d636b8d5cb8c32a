"""The endless sequence of training samples: from a position to (epoch, patch, crop), by arithmetic alone.

An epoch visits every crop of every patch once. Its order: the shards are shuffled and laid end to end, the ring they
form is turned by a random amount, and patches are shuffled inside blocks of `window` neighbours. That order is divided
into `lanes` contiguous ranges; position p is the next sample of lane p % lanes. So neighbouring positions come from
places far apart, while each lane reads few shards at a time, and ranks that take whole lanes read few shards too.

Nothing here depends on how many ranks or workers take the samples, and no generator of a library is used: every number
comes from splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014), so the
sequence of a seed stays what it is for ever. A test compares it with recorded values.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / the golden ratio: splitmix64's step
_SHARDS, _TURN, _BLOCK, _SUBSTITUTE = 1, 2, 3, 4  # what a hash is for

NEAR_SUBSTITUTES = 4
"""So many substitutes are sought in the damaged patch's own block, whose shards are at hand; later ones anywhere."""

MAX_WINDOW = 1 << 17
"""A block's permutation is held in memory for every lane: 0.5 MB each at most."""

_Value = TypeVar("_Value")


def mix(value: int) -> int:
    """splitmix64's finaliser: a bijection of 64-bit numbers in which every bit depends on every bit."""
    value &= _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def mix_array(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`mix` of every element: uint64, any shape."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def hash_words(*words: int) -> int:
    """64 bits that depend on all of the words and their order."""
    value = 0
    for word in words:
        value = mix(value + word + _GOLDEN)
    return value


def permutation(seed: int, count: int) -> NDArray[np.int64]:
    """The numbers 0 … count - 1 in an order that only `seed` decides: int64, (count,)."""
    keys = mix_array(np.uint64(seed & _MASK) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))
    return np.argsort(keys, kind="stable")


def step_positions(step: int, batch: int, rank: int = 0, ranks: int = 1) -> range:
    """The positions that a rank takes at a 0-based step: those of [step · batch, (step + 1) · batch) that are its own.

    Raises:
        UsageError: `ranks` does not divide `batch`.
    """
    if batch % ranks:
        raise UsageError(f"a batch of {batch} cannot be divided among {ranks} ranks: take a multiple of {ranks}")
    return range(step * batch + rank, (step + 1) * batch, ranks)


class Place(NamedTuple):
    """What stands at a position. `patch` counts the patches shard after shard, in the shards' own order."""

    epoch: int
    patch: int
    crop: int
    """Which of the patch's crops of this epoch, from 0."""


@dataclass(frozen=True, slots=True)
class _Epoch:
    turn: int
    shards: list[int]
    starts: list[int]
    """Where each shuffled shard begins in the ring."""


class Order:
    """The sequence of one seed over shards of the given numbers of patches.

    Args:
        shard_sizes: patches of each shard; 0 is allowed, all 0 is not.
        seed: 0 … 2^63 - 1.
        lanes: contiguous ranges that an epoch is divided into.
        window: patches of a block inside which they are shuffled, at most `MAX_WINDOW`.
        crops_per_patch: how often in a row a lane visits each patch.

    Raises:
        UsageError: a number out of its range.
    """

    def __init__(
        self, shard_sizes: Sequence[int], seed: int, lanes: int = 64, window: int = 4096, crops_per_patch: int = 1
    ) -> None:
        for name, value in (("lanes", lanes), ("window", window), ("crops_per_patch", crops_per_patch)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}")
        if window > MAX_WINDOW:
            raise UsageError(f"window must be at most {MAX_WINDOW}, not {window}")
        if not 0 <= seed < 1 << 63:
            raise UsageError(f"seed must be 0 … 2^63 - 1, not {seed}")
        self._sizes = [int(size) for size in shard_sizes]
        self._starts = [0, *accumulate(self._sizes)]
        self.patches = self._starts[-1]
        if self.patches < 1:
            raise UsageError("there is no patch to put in order")
        self.seed, self.lanes, self.window, self.crops_per_patch = seed, lanes, window, crops_per_patch
        self.samples = self.patches * crops_per_patch
        """Positions of an epoch."""
        self._epochs: _Recent[_Epoch] = _Recent(4)
        self._blocks: _Recent[NDArray[np.int32]] = _Recent(2 * lanes + 2)

    def place(self, position: int) -> Place:
        """What stands at a position, 0 or greater, of any size."""
        epoch, rank, crop = self._locate(position)
        block = rank // self.window
        shuffled = block * self.window + int(self._block(epoch, block)[rank % self.window])
        return Place(epoch, self._patch(epoch, shuffled)[0], crop)

    def substitute(self, position: int, attempt: int) -> Place:
        """What to take instead where the patch of a position is damaged; attempts count from 0.

        Of the same epoch and crop number; it depends on (seed, position, attempt) alone and may be damaged as well.
        """
        epoch, rank, crop = self._locate(position)
        number = hash_words(self.seed, _SUBSTITUTE, position & _MASK, position >> 64, attempt)
        if attempt < NEAR_SUBSTITUTES:
            start = rank // self.window * self.window
            return Place(epoch, self._patch(epoch, start + number % self._block_size(rank // self.window))[0], crop)
        return Place(epoch, number % self.patches, crop)

    def shards(self, position: int) -> list[int]:
        """The shards that the block of a position takes its patches from: what its lane has open meanwhile.

        They are at most 2 + (window - 2) // (patches of the smallest shard that is not empty): a run of `window`
        neighbours holds a patch at least of the shards at its two ends, and every other shard whole.
        """
        epoch, rank, _ = self._locate(position)
        block = rank // self.window
        found: list[int] = []
        done, size = 0, self._block_size(block)
        while done < size:
            _, shard, left = self._patch(epoch, block * self.window + done)
            if shard not in found:
                found.append(shard)
            done += left
        return found

    def next_block(self, position: int) -> int | None:
        """The first later position of the same lane in another block; None if this epoch has none."""
        epoch, rank, crop = self._locate(position)
        samples = (self.window - rank % self.window) * self.crops_per_patch - crop
        later = position + samples * self.lanes
        return later if later // self.samples == epoch else None

    def _locate(self, position: int) -> tuple[int, int, int]:
        """Epoch, place of the patch in the epoch's order before the blocks are shuffled, and crop."""
        epoch, within = divmod(position, self.samples)
        turn, lane = divmod(within, self.lanes)  # lanes counted from the epoch's first position
        length, longer = divmod(self.samples, self.lanes)  # the first `longer` lanes have one sample more
        rank, crop = divmod(lane * length + min(lane, longer) + turn, self.crops_per_patch)
        return epoch, rank, crop

    def _block_size(self, block: int) -> int:
        return min(self.window, self.patches - block * self.window)

    def _block(self, epoch: int, block: int) -> NDArray[np.int32]:
        def make() -> NDArray[np.int32]:
            seed = hash_words(self.seed, _BLOCK, epoch, block)
            return permutation(seed, self._block_size(block)).astype(np.int32)

        return self._blocks.get((epoch, block), make)

    def _patch(self, epoch: int, rank: int) -> tuple[int, int, int]:
        """The patch at a place of the ring, its shard, and how many of that shard follow on it (itself included)."""
        ring = self._epochs.get(epoch, lambda: self._lay(epoch))
        place = (rank + ring.turn) % self.patches
        index = bisect_right(ring.starts, place) - 1
        shard, within = ring.shards[index], place - ring.starts[index]
        return self._starts[shard] + within, shard, self._sizes[shard] - within

    def _lay(self, epoch: int) -> _Epoch:
        shards = permutation(hash_words(self.seed, _SHARDS, epoch), len(self._sizes)).tolist()
        starts = [0, *accumulate(self._sizes[shard] for shard in shards[:-1])]
        return _Epoch(hash_words(self.seed, _TURN, epoch) % self.patches, shards, starts)


class _Recent(Generic[_Value]):
    """The values used last, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()
        self._limit = limit

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        self._values[key] = value = make()
        if len(self._values) > self._limit:
            self._values.popitem(last=False)
        return value
