"""Opening datasets for training.

    stream = open_stream(["my-ird"], StreamSettings(), seed=0, make=partial(degrade, corrupting=…, masking=…))
    with stream.loader(batch_size=32) as batches:
        for batch in batches: ...

The sequence of samples is a pure function of (seed, position); see docs/stream.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from million_ird.errors import DatasetError, UsageError
from million_ird.store import Store
from pretrain.crop import DamagedPatchError
from pretrain.say import Say, to_stderr
from pretrain.stream.arrays import Geometry
from pretrain.stream.cache import ShardCache, cache_folder
from pretrain.stream.holdout import Holdout, check_holdout, choose_holdout
from pretrain.stream.index import IndexPart, Patch, PatchIndex, stored_part
from pretrain.stream.listing import is_pattern, list_tars
from pretrain.stream.loader import DamageCount, Loader
from pretrain.stream.reader import Reader
from pretrain.stream.samples import Make
from pretrain.stream.selection import Selection
from pretrain.stream.settings import StreamSettings
from pretrain.stream.share import Share, check_ranks, remote_shards
from pretrain.stream.state import check_state


def open_stream(
    locations: Sequence[str],
    settings: StreamSettings,
    seed: int,
    make: Make,
    holdout: Holdout | None = None,
    say: Say = to_stderr,
) -> Stream:
    """Opens datasets as one endless stream of samples.

    Args:
        locations: datasets of `million-ird build` (folder or fsspec URL), and tars of others: a path or URL with
            `*`, `{000..099}` or the ending .tar, or a folder of tars. Their order is part of the sequence.
        settings: the recipe's section `[stream]`.
        seed: 0 … 2^63 - 1.
        make: degrades a crop: (uint8 (s, s, 3), generator) → `pretrain.corrupt.Degraded`. A function of a module, or
            a `functools.partial` of one.
        holdout: as an earlier run recorded it; chosen now if None.
        say: takes a line for a person.

    Raises:
        UsageError: a setting that cannot be.
        DatasetError: no dataset or tar there, another format version, a damaged table, or no patch to train on.
        StoreError: a location that cannot be read.
    """
    if not locations:
        raise UsageError("dataset: name at least one dataset to train on")
    cache = ShardCache(cache_folder(settings.cache), int(settings.cache_gb * 1e9))
    index = PatchIndex([_open_part(location, cache, say) for location in locations])
    if holdout is None:
        holdout = choose_holdout(index, settings.holdout, seed, settings.largest_crop)
    else:
        check_holdout(holdout, index)
    stream = Stream(index, settings, seed, make, holdout, cache, say)
    _report(stream, say)
    return stream


class Stream:
    """The samples of some datasets in the order of one seed. `open_stream` makes it."""

    def __init__(
        self,
        index: PatchIndex,
        settings: StreamSettings,
        seed: int,
        make: Make,
        holdout: Holdout,
        cache: ShardCache,
        say: Say,
    ) -> None:
        self.index, self.settings, self.seed, self.holdout = index, settings, seed, holdout
        self.selection = Selection(index, holdout, settings.largest_crop)
        self.order = self.selection.order(settings, seed)
        self._make, self._cache, self._say = make, cache, say

    def __len__(self) -> int:
        """Patches of an epoch."""
        return len(self.selection)

    @property
    def fingerprint(self) -> str:
        """Of the data, as a checkpoint remembers it."""
        return self.index.fingerprint

    @property
    def licences(self) -> Mapping[str, int]:
        """Patches under each licence, held-out ones included, most first."""
        return self.index.licences

    @cached_property
    def held_out(self) -> tuple[Patch, ...]:
        """The patches that are held out and large enough for a crop: image after image, in an order that a dataset
        that has grown keeps, but for the new images in between."""
        found = []
        for first, (width, height, image) in self.index.each("width", "height", "image"):
            rows = np.flatnonzero((np.minimum(width, height) >= self.settings.largest_crop) & self.holdout.mask(image))
            found += [
                (int(rank), first + int(row)) for row, rank in zip(rows, self.holdout.order(image[rows]), strict=True)
            ]
        return tuple(self.index.patch(number) for _, number in sorted(found))

    def read(self, patch: Patch) -> bytes:
        """The encoded bytes of a patch, for which no shard is fetched. `DatasetError` if it is damaged."""
        reader = Reader(self.index, self._cache, fetch=False)
        try:
            return reader.read(patch)
        except DamagedPatchError as error:
            raise DatasetError(str(error)) from error
        finally:
            reader.close()

    def state(self) -> dict[str, int | str]:
        """What, together with a step and the batch, decides all samples from there on."""
        settings = self.settings
        return {
            "fingerprint": self.fingerprint,
            "seed": self.seed,
            "patches": len(self),
            "lanes": settings.lanes,
            "window": settings.window,
            "crops_per_patch": settings.crops_per_patch,
            "holdout": f"{self.holdout.salt:016x} {self.holdout.below:016x}",
        }

    def check(self, state: Mapping[str, int | str]) -> None:
        """Raises `DatasetError` or `UsageError` if a checkpoint's `state` is of another sequence."""
        other = "the dataset is not the one of the checkpoint"
        check_state(state, self.state(), other, "give the same data in the same order", "stream: ")

    def loader(
        self,
        batch_size: int,
        rank: int = 0,
        ranks: int = 1,
        start_step: int = 0,
        pin_memory: bool = False,
        workers: int | None = None,
        substituted: int = 0,
    ) -> Loader:
        """The endless batches of one rank.

        Args:
            batch_size: samples of a step on all ranks; a multiple of `ranks`.
            rank: this process, 0 … ranks - 1.
            ranks: processes that train together; `lanes` must be a multiple.
            start_step: the first step; no earlier one is replayed.
            pin_memory: tensors in page-locked memory, from where a GPU copies them while it computes.
            workers: reading processes, instead of the setting.
            substituted: damaged samples that this rank met before `start_step`, so that their share goes on.

        Raises:
            UsageError: numbers that do not divide.
            DatasetError: fewer patches than ranks.
        """
        settings = self.settings if workers is None else replace(self.settings, workers=workers)
        check_ranks("stream", settings.lanes, batch_size, rank, ranks, start_step)
        if len(self) < ranks:
            raise DatasetError(f"there are {len(self):,} patches to train on, fewer than the {ranks} ranks")
        self._check_room(ranks)
        samples = batch_size // ranks
        share = Share(
            tuple(part.folder for part in self.index.parts if part.folder is not None),
            self._cache.folder,
            settings,
            self.seed,
            self.holdout,
            self._make,
            Geometry.of(settings, samples, self._make),
            batch_size,
            rank,
            ranks,
        )
        damage = DamageCount(
            settings.max_damaged_share, settings.damage_grace, start_step * samples, substituted, self._say
        )
        return Loader(share, self.selection, start_step, damage, pin_memory, self._say)

    def _check_room(self, ranks: int) -> None:
        """Says it if the cache cannot hold what the lanes of this machine have open at a time."""
        remote = remote_shards(self.index, self._cache)
        here = self.settings.lanes * min(ranks, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))) // ranks
        needed = here * max((self.index.shards[number][1].nbytes for number in remote), default=0)
        if needed > self._cache.limit:
            self._say(
                f"stream.cache_gb = {self.settings.cache_gb:g} is less than the {needed / 1e9:.1f} GB that the {here} "
                "lanes of this machine read from at a time: what finds no room is read over the network, patch by "
                "patch; raise it, or lower stream.lanes"
            )


def _open_part(location: str, cache: ShardCache, say: Say) -> IndexPart:
    """The index of one location, from the cache or made now."""
    from pretrain.stream.built import dataset_stamp, is_built, read_built  # pyarrow, which workers need not load
    from pretrain.stream.tars import read_tars

    if not is_pattern(location):
        store = Store(location)
        if is_built(store):
            return stored_part(cache.indices, store.url, dataset_stamp(store), lambda: read_built(location))
    tars = list_tars(location)
    stamp = "\n".join(f"{name} {mark}" for name, _, mark in tars)
    return stored_part(cache.indices, location, stamp, lambda: read_tars(location, tars, cache, say))


def _report(stream: Stream, say: Say) -> None:
    selection = stream.selection
    if selection.too_small:
        say(f"{selection.too_small:,} patches are smaller than the crop of {stream.settings.largest_crop} and left out")
    for part in stream.index.parts:
        if part.description.left_out:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in part.description.left_out.items())
            say(f"{part.description.location}: members left out: {reasons}")
