"""From a position of the sequence to a sample: read, crop, degrade; and what replaces a damaged one."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

from million_ird.errors import DatasetError
from million_ird.order import Order, Place
from pretrain.crop import Crop, DamagedPatchError, random_crops
from pretrain.stream.index import Patch
from pretrain.stream.reader import Reader
from pretrain.stream.selection import Selection

_ATTEMPTS = 16
"""Substitutes that are tried for one position. If all are damaged, most of the dataset is."""


class Degraded(Protocol):
    """What the making of a sample gives (see `pretrain.corrupt.Degraded`)."""

    @property
    def input(self) -> NDArray[np.uint8]: ...
    @property
    def degraded(self) -> NDArray[np.bool_]: ...
    @property
    def masked(self) -> NDArray[np.bool_]: ...
    @property
    def kinds(self) -> NDArray[np.uint8]: ...


Make = Callable[[Crop, np.random.Generator], Degraded]
"""Degrades a crop; all its randomness comes from the generator. It travels to other processes, so it must be a function
of a module, or `functools.partial` of one."""


class Sample(NamedTuple):
    """One sample. `target` and `made.input` are uint8 (side, side, 3)."""

    target: Crop
    made: Degraded
    patch: int
    """Its number in the index."""
    damages: tuple[str, ...]
    """What was wrong with the patches that should have been taken before, one line each; usually none."""


def sample_rng(seed: int, epoch: int, key: str, crop: int) -> np.random.Generator:
    """The generator of one sample: of nothing but the run's seed, the epoch, the patch's key and the crop's number.

    A Philox generator (numpy keeps the stream of a given key for good) keyed by a BLAKE2b-128.
    """
    digest = hashlib.blake2b(f"{seed} {epoch} {crop} {key}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(cast(Any, _Words(digest))))  # numpy's types know one class of seeds


class _Words(ISeedSequence):
    """Gives a generator its key as it is. `Philox(key=…)` means the same, but asks the system for entropy first, which
    costs three times as much as all the rest."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> NDArray[Any]:
        return np.frombuffer(self._digest, dtype, n_words)


class Sampler:
    """Makes the samples of one process.

    Args:
        selection: the patches that are trained on.
        order: of these patches.
        reader: of their index.
        make: degrades a crop.
    """

    def __init__(self, selection: Selection, order: Order, reader: Reader, make: Make) -> None:
        self._selection, self._order, self._reader, self._make = selection, order, reader, make
        self._waiting: OrderedDict[tuple[Place, int], tuple[Crop, np.random.Generator]] = OrderedDict()
        self._most_waiting = 2 * order.lanes * order.crops_per_patch

    def sample(self, position: int, side: int) -> Sample:
        """The sample at a position with a crop of `side` pixels: the same wherever and whenever it is asked for.

        Raises:
            DatasetError: its patch and all substitutes are damaged.
            StoreError, UsageError: a shard cannot be fetched.
        """
        damages: list[str] = []
        place = self._order.place(position)
        for attempt in range(_ATTEMPTS):
            patch = self._selection.patch(place.patch)
            try:
                target, rng = self._crop(place, patch, side)
                return Sample(target, self._make(target, rng), patch.number, tuple(damages))
            except DamagedPatchError as error:
                damages.append(_one_line(error, patch))
            place = self._order.substitute(position, attempt)
        raise DatasetError(f"position {position}: the patch and {_ATTEMPTS - 1} substitutes are damaged; {damages[-1]}")

    def _crop(self, place: Place, patch: Patch, side: int) -> tuple[Crop, np.random.Generator]:
        """A crop and its generator. The later crops of the patch are cut in the same decode and wait."""
        if self._waiting and (waiting := self._waiting.pop((place, side), None)) is not None:
            return waiting
        places = [Place(place.epoch, place.patch, crop) for crop in range(place.crop, self._order.crops_per_patch)]
        rngs = [sample_rng(self._order.seed, place.epoch, patch.key, each.crop) for each in places]
        data = self._reader.read(patch)
        crops = random_crops(data, patch.encoding, patch.width, patch.height, patch.orientation, side, rngs)
        for later, crop, rng in zip(places[1:], crops[1:], rngs[1:], strict=True):
            self._waiting[later, side] = crop, rng
        while len(self._waiting) > self._most_waiting:
            self._waiting.popitem(last=False)
        return crops[0], rngs[0]


def _one_line(error: DamagedPatchError, patch: Patch) -> str:
    text = " ".join(str(error).split())
    return text if patch.key in text else f"{patch.key}: {text}"
