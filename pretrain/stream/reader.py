"""The bytes of a patch: one `pread` in an open tar, checked."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

from blake3 import blake3

from million_ird.errors import StoreError
from pretrain.crop import DamagedPatchError
from pretrain.stream.cache import BUSY_S, ShardCache, mark_used
from pretrain.stream.index import Patch, PatchIndex

_OPEN_SHARDS = 192
"""More than two for each of 64 lanes, and far below what a process may have open (usually 1024)."""
_TOUCH_S = BUSY_S / 3
"""So often a copy in use is marked as such."""


@dataclass(slots=True)
class _Open:
    """An open shard; no descriptor where there is no room for a copy of it."""

    descriptor: int | None
    touched: float
    """When it was opened or marked, in seconds of the monotonic clock."""


class Reader:
    """Reads patches of an index; keeps the shards it used last open.

    With `fetch` false a remote shard without a copy is not copied: its patches are read over the network, one by one.
    """

    def __init__(self, index: PatchIndex, cache: ShardCache, fetch: bool = True) -> None:
        self._index, self._cache, self._fetch = index, cache, fetch
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._missing: set[int] = set()
        self._fetched_again: set[int] = set()

    def read(self, patch: Patch) -> bytes:
        """The encoded bytes of a patch, as its checksum wants them.

        Raises:
            DamagedPatchError: they are not there or not what they were. A remote shard is fetched once more before.
            StoreError: the shard cannot be fetched.
        """
        data = self._read(patch)
        whole = _is_whole(data, patch)  # a twentieth of a sample's time: once
        if not whole and self._fetch_again(patch.shard):
            data = self._read(patch)
            whole = _is_whole(data, patch)
        if not whole:
            what = "checksum differs" if len(data) == patch.size else "the tar ends before it does"
            raise DamagedPatchError(f"{self._index.shards[patch.shard][1].name}: {patch.key} is damaged ({what})")
        return data

    def prefetch(self, shard: int) -> None:
        """Makes a copy of a remote shard that will be needed. If that fails, reading it will try again and say why."""
        part, file = self._index.shards[shard]
        with suppress(OSError, StoreError):
            descriptor = self._cache.open_shard(file.name, file.stamp, part.description.root)
            if descriptor is not None:
                os.close(descriptor)

    def close(self) -> None:
        while self._open:
            self._let_go(next(iter(self._open)))

    def _read(self, patch: Patch) -> bytes:
        part, file = self._index.shards[patch.shard]
        where = f"{file.name} is missing in {part.description.location}"
        if patch.shard in self._missing:
            raise DamagedPatchError(where)
        try:
            descriptor = self._descriptor(patch.shard)
            if descriptor is None:
                return self._cache.read_range(file.name, part.description.root, patch.offset, patch.size)
        except FileNotFoundError:
            self._missing.add(patch.shard)
            raise DamagedPatchError(where) from None
        try:
            return os.pread(descriptor, patch.size, patch.offset)
        except OSError as error:  # a bad place on the disk
            raise DamagedPatchError(f"{file.name}: {patch.key} cannot be read ({error.strerror})") from error

    def _descriptor(self, shard: int) -> int | None:
        now = time.monotonic()
        found = self._open.get(shard)
        if found is not None and now - found.touched > _TOUCH_S:
            self._tend(shard, found, now)
            found = self._open.get(shard)
        if found is None:
            part, file = self._index.shards[shard]
            descriptor = self._cache.open_shard(file.name, file.stamp, part.description.root, self._fetch)
            self._open[shard] = found = _Open(descriptor, now)
            if len(self._open) > _OPEN_SHARDS:
                self._let_go(next(iter(self._open)))
        self._open.move_to_end(shard)
        return found.descriptor

    def _tend(self, shard: int, found: _Open, now: float) -> None:
        """Marks a shard in use as such; looks for room again if it had none; lets go of shards that lie idle, since
        the bytes of a copy that was evicted are free only once nobody has it open."""
        if found.descriptor is None:
            self._let_go(shard)
        else:
            found.touched = now
            self._mark(shard, found.descriptor)
        for idle in [number for number, other in self._open.items() if now - other.touched > 2 * BUSY_S]:
            self._let_go(idle)

    def _mark(self, shard: int, descriptor: int) -> None:
        """Tells the cache that a copy is in use. A local dataset is not touched."""
        part, file = self._index.shards[shard]
        if self._cache.is_remote(file.name, part.description.root):
            mark_used(descriptor)

    def _let_go(self, shard: int) -> None:
        descriptor = self._open.pop(shard).descriptor
        if descriptor is not None:
            os.close(descriptor)

    def _fetch_again(self, shard: int) -> bool:
        """Whether a new copy of a shard was asked for; once in the life of a reader, in case only the copy is bad."""
        part, file = self._index.shards[shard]
        if shard in self._fetched_again or not self._cache.discard(file.name, file.stamp, part.description.root):
            return False
        self._fetched_again.add(shard)
        self._let_go(shard)
        return True


class ThreadReaders:
    """Reads patches for many threads; each by a reader of its own, since a reader is for one."""

    def __init__(self, index: PatchIndex, cache: ShardCache) -> None:
        self._index, self._cache = index, cache
        self._own = threading.local()

    def read(self, patch: Patch) -> bytes:
        """As `Reader.read`."""
        if not hasattr(self._own, "reader"):
            self._own.reader = Reader(self._index, self._cache)
        reader: Reader = self._own.reader
        return reader.read(patch)


def _is_whole(data: bytes, patch: Patch) -> bool:
    return len(data) == patch.size and blake3(data).digest(16) == patch.checksum
