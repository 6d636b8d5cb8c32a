"""Endless batches of (blurred, sharp, mask) crops from the shards that `million-ird annotate export` writes.

    source = open_triples(["masks"], LocalBlurSettings(), seed=0)
    with source.loader(batch_size=12) as batches:
        for batch in batches: ...

What stands at a position of the sequence is a function of (seed, position): `million_ird.order` says which pair, and a
generator of the pair's own says which crop, the same for all three.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from million_ird.errors import DatasetError, UsageError
from million_ird.order import Order, Place, step_positions
from million_ird.patches import Box
from pretrain.crop import DamagedPatchError, turned
from pretrain.finetune.pictures import DecodedPictures, PatchPicture
from pretrain.finetune.recipe import ReadingSettings
from pretrain.images import Pixels
from pretrain.local_blur.crops import Mask, choose_crop
from pretrain.local_blur.index import Triples, read_triples
from pretrain.local_blur.settings import LocalBlurSettings
from pretrain.made_ahead import MadeAhead
from pretrain.say import Say, to_stderr
from pretrain.stream.cache import ShardCache, cache_folder
from pretrain.stream.index import Patch
from pretrain.stream.loader import DamageCount
from pretrain.stream.reader import ThreadReaders
from pretrain.stream.samples import sample_rng
from pretrain.stream.share import check_ranks
from pretrain.stream.state import check_state

_ATTEMPTS = 16
"""Pairs that are tried for one position. If all are damaged, most are."""
_CACHE_BYTES = 100 * 10**9
"""Most that copies of remote shards may take on this machine, as `stream.cache_gb` has it."""


class Triple(NamedTuple):
    """The same square of all three, turned the same way: uint8 (s, s, 3), uint8 (s, s, 3), bool (s, s)."""

    blurred: Pixels
    sharp: Pixels
    mask: Mask
    key: str
    damages: tuple[str, ...] = ()
    """What was wrong with the pairs that should have been taken before, one line each; usually none."""


@dataclass(frozen=True)
class LocalBlurBatch:
    """One rank's samples of a step, in the order of their positions."""

    step: int
    blurred: Tensor
    """uint8 levels 0 … 255, RGB, (b, 3, s, s)."""
    sharp: Tensor
    """uint8 levels 0 … 255, RGB, (b, 3, s, s)."""
    masks: Tensor
    """uint8, 1 = blurred, 0 = not, (b, 1, s, s)."""
    keys: tuple[str, ...]
    substituted: int
    """Samples whose own pair was damaged and that show another one."""


def open_triples(
    locations: Sequence[str],
    settings: LocalBlurSettings,
    seed: int,
    reading: ReadingSettings | None = None,
    cache: str = "",
    say: Say = to_stderr,
) -> LocalBlurSource:
    """Opens shards of pairs with blur masks.

    Args:
        locations: folders of tars (an export's, say), single tars or patterns, each a path or any fsspec URL. Their
            order is part of the sequence.
        settings: which crops, in which order.
        seed: 0 … 2^63 - 1.
        reading: how pictures are read; decides no sample.
        cache: folder for indices and copies of remote shards; "" as `StreamSettings.cache`.
        say: takes a line for a person.

    Raises:
        UsageError: a setting that cannot be. DatasetError: no pair with a mask that is large enough.
        StoreError: a location that cannot be read.
    """
    if not locations:
        raise UsageError("name at least one folder of shards")
    shards = ShardCache(cache_folder(cache), _CACHE_BYTES)
    triples = read_triples(list(locations), shards, say)
    return LocalBlurSource(triples, settings, seed, reading or ReadingSettings(), shards, say)


class LocalBlurSource:
    """The sequence of one seed. `open_triples` makes it."""

    def __init__(
        self,
        triples: Triples,
        settings: LocalBlurSettings,
        seed: int,
        reading: ReadingSettings,
        cache: ShardCache,
        say: Say,
    ) -> None:
        self.settings, self._seed, self._reading, self._say = settings, seed, reading, say
        self._triples, self._fit = triples, _large_enough(triples, settings.crop)
        self._order = Order(
            self._shard_sizes(), seed, settings.lanes, settings.window, crops_per_patch=settings.crops_per_pair
        )
        self._lock = threading.Lock()
        """`Order` remembers what it was asked last, and is for one thread at a time."""
        self._fetch = ThreadReaders(triples.index, cache).read
        self._decoded = DecodedPictures(int(reading.cache_gb * 1e9))
        self._report()

    def __len__(self) -> int:
        """Pairs of an epoch."""
        return len(self._fit)

    @property
    def fingerprint(self) -> str:
        """Of the pairs and masks, as a checkpoint remembers them."""
        return self._triples.index.fingerprint

    def state(self) -> dict[str, int | str]:
        """What, together with a step and the batch, decides all samples from there on."""
        settings = self.settings
        return {
            "fingerprint": self.fingerprint,
            "seed": self._seed,
            "crop": settings.crop,
            "crops_per_pair": settings.crops_per_pair,
            "blur_aware": repr(settings.blur_aware),
            "speck": settings.speck,
            "lanes": settings.lanes,
            "window": settings.window,
        }

    def check(self, state: Mapping[str, int | str]) -> None:
        """Raises `DatasetError` or `UsageError` if a checkpoint's `state` is of another sequence."""
        other = "the pairs and masks are not those of the checkpoint"
        check_state(state, self.state(), other, "give the same shards in the same order", "local_blur: ")

    def sample(self, position: int) -> Triple:
        """The sample at a position, 0 or greater: the same wherever and whenever it is asked for.

        Raises:
            DatasetError: its pair and all substitutes are damaged.
        """
        damages: list[str] = []
        place = self._place(position)
        for attempt in range(_ATTEMPTS):
            try:
                return self._make(place)._replace(damages=tuple(damages))
            except DamagedPatchError as error:
                damages.append(" ".join(str(error).split()))
            place = self._place(position, attempt)
        raise DatasetError(f"position {position}: {_ATTEMPTS} pairs in a row are damaged; {damages[-1]}")

    def loader(
        self,
        batch_size: int,
        rank: int = 0,
        ranks: int = 1,
        start_step: int = 0,
        pin_memory: bool = False,
        substituted: int = 0,
    ) -> LocalBlurBatches:
        """The batches of a rank from step `start_step` on.

        Args:
            batch_size: samples of a step on all ranks; a multiple of `ranks`.
            rank: this process, 0 … ranks - 1.
            ranks: processes that train together.
            start_step: the first step; no earlier one is replayed.
            pin_memory: tensors in page-locked memory, from where a GPU copies them while it computes.
            substituted: damaged samples that this rank met before `start_step`, so that their share goes on.

        Raises:
            UsageError: numbers that do not divide.
        """
        check_ranks("local_blur", self.settings.lanes, batch_size, rank, ranks, start_step)
        seen = len(step_positions(0, batch_size, rank, ranks)) * start_step
        damage = DamageCount(self._reading.max_damaged_share, self._reading.damage_grace, seen, substituted, self._say)
        return LocalBlurBatches(
            lambda step: [partial(self.sample, each) for each in step_positions(step, batch_size, rank, ranks)],
            start_step,
            self._reading,
            damage,
            pin_memory,
        )

    def _place(self, position: int, attempt: int | None = None) -> Place:
        with self._lock:
            return self._order.place(position) if attempt is None else self._order.substitute(position, attempt)

    def _make(self, place: Place) -> Triple:
        settings = self.settings
        blurred, sharp, mask = self._triples.members(int(self._fit[place.patch]))
        key = mask.key.rpartition(".")[0]
        whole = self._mask(mask)
        rng = sample_rng(self._seed, place.epoch, key, place.crop)
        x, y, turn = choose_crop(whole, settings.crop, settings.blur_aware, settings.speck, rng)
        box = Box(x, y, settings.crop, settings.crop)
        square = whole[y : y + settings.crop, x : x + settings.crop].view(np.uint8)
        return Triple(
            np.ascontiguousarray(turned(self._rectangle(blurred, box), turn)),
            np.ascontiguousarray(turned(self._rectangle(sharp, box), turn)),
            np.ascontiguousarray(turned(square, turn)).view(np.bool_),
            key,
        )

    def _rectangle(self, patch: Patch, box: Box) -> Pixels:
        """Of a JPEG only the rectangle is decoded; other pictures are decoded whole and kept for a while."""
        picture = PatchPicture(patch, self._fetch)
        if patch.encoding == "jpg":
            return picture.read(box)
        whole = Box(0, 0, patch.width, patch.height)
        pixels = self._decoded.get(Path(f"{patch.shard}/{patch.key}"), lambda: picture.read(whole))
        return pixels[box.y : box.y + box.height, box.x : box.x + box.width]

    def _mask(self, patch: Patch) -> Mask:
        """The whole mask. OpenCV reads the 1-bit PNG, which is checked already: `pixels` takes photographs only."""
        values = cv2.imdecode(np.frombuffer(self._fetch(patch), np.uint8), cv2.IMREAD_GRAYSCALE)
        if values is None or values.shape != (patch.height, patch.width):
            raise DamagedPatchError(f"{patch.key}: no mask of {patch.width}x{patch.height} pixels")
        blurred: Mask = np.asarray(values == 255)
        if not (blurred | (values == 0)).all():
            raise DamagedPatchError(f"{patch.key}: values other than 0 and 255 in a mask")
        return blurred

    def _shard_sizes(self) -> list[int]:
        bounds = np.cumsum([0, *self._triples.shard_sizes])
        sizes: list[int] = np.diff(np.searchsorted(self._fit, bounds)).tolist()
        return sizes

    def _report(self) -> None:
        small = len(self._triples) - len(self._fit)
        if small:
            self._say(f"{small:,} pairs are smaller than the crop of {self.settings.crop} and left out")
        if self._triples.left_out:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in self._triples.left_out.items())
            self._say(f"no pair with a mask: {reasons}")


class LocalBlurBatches:
    """An endless iterator over a rank's batches. Close it to end its threads. `LocalBlurSource.loader` makes it."""

    def __init__(
        self,
        plan: Callable[[int], Sequence[Callable[[], Triple]]],
        start_step: int,
        reading: ReadingSettings,
        damage: DamageCount,
        pinned: bool,
    ) -> None:
        self._made = MadeAhead(plan, start_step, reading.threads, reading.prefetch)
        self._damage, self._pinned = damage, pinned

    def __iter__(self) -> LocalBlurBatches:
        return self

    def __next__(self) -> LocalBlurBatch:
        """The batch of the next step. `DatasetError` if too many pairs are damaged."""
        step = self._made.step
        samples = self._made.take()
        substituted = sum(bool(sample.damages) for sample in samples)
        self._damage.add(len(samples), substituted, [line for sample in samples for line in sample.damages])
        return LocalBlurBatch(
            step,
            self._tensor(np.stack([sample.blurred.transpose(2, 0, 1) for sample in samples])),
            self._tensor(np.stack([sample.sharp.transpose(2, 0, 1) for sample in samples])),
            self._tensor(np.stack([sample.mask.view(np.uint8)[None] for sample in samples])),
            tuple(sample.key for sample in samples),
            substituted,
        )

    def close(self) -> None:
        """Ends the threads, which finish the sample they are at."""
        self._made.close()

    def __enter__(self) -> LocalBlurBatches:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tensor(self, array: NDArray[np.uint8]) -> Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._pinned else tensor


def _large_enough(triples: Triples, side: int) -> NDArray[np.int64]:
    """Numbers of the triples from which squares can be cut; DatasetError if there is none."""
    sizes = [
        np.minimum(width, height) for _, (width, height) in triples.index.each("width", "height")
    ]  # three rows of one size for each triple
    fit = np.flatnonzero(np.concatenate(sizes)[::3] >= side)
    if not fit.size:
        raise DatasetError(f"all {len(triples):,} pairs with masks are smaller than the crop of {side} pixels")
    return fit
