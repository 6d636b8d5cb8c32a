"""The bytes of a patch: one `pread` in an open tar, checked."""

from __future__ import annotations

import os
from collections import OrderedDict

from blake3 import blake3

from pretrain.crop import DamagedPatchError
from pretrain.stream.cache import ShardCache
from pretrain.stream.index import Patch, PatchIndex

_OPEN_SHARDS = 192
"""More than two for each of 64 lanes, and far below what a process may have open (usually 1024)."""


class Reader:
    """Reads patches of an index; keeps the shards it used last open."""

    def __init__(self, index: PatchIndex, cache: ShardCache) -> None:
        self._index, self._cache = index, cache
        self._open: OrderedDict[int, int] = OrderedDict()
        self._missing: set[int] = set()
        self._fetched_again: set[int] = set()

    def read(self, patch: Patch) -> bytes:
        """The encoded bytes of a patch, as its checksum wants them.

        Raises:
            DamagedPatchError: they are not there or not what they were. A remote shard is fetched once more before.
            StoreError, UsageError: the shard cannot be fetched.
        """
        data = os.pread(self._descriptor(patch.shard), patch.size, patch.offset)
        if _is_whole(data, patch):
            return data
        if self._fetch_again(patch.shard):
            data = os.pread(self._descriptor(patch.shard), patch.size, patch.offset)
        if not _is_whole(data, patch):
            what = "checksum differs" if len(data) == patch.size else "the tar ends before it does"
            raise DamagedPatchError(f"{self._index.shards[patch.shard][1].name}: {patch.key} is damaged ({what})")
        return data

    def prefetch(self, shard: int) -> None:
        """Fetches a remote shard that will be needed; nothing happens if it cannot be, reading it will say why."""
        part, file = self._index.shards[shard]
        try:
            os.close(self._cache.open_shard(file.name, file.stamp, part.description.root))
        except FileNotFoundError:
            return

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def _descriptor(self, shard: int) -> int:
        if shard in self._open:
            self._open.move_to_end(shard)
            return self._open[shard]
        part, file = self._index.shards[shard]
        if shard not in self._missing:
            try:
                self._open[shard] = self._cache.open_shard(file.name, file.stamp, part.description.root)
            except FileNotFoundError:
                self._missing.add(shard)
        if shard in self._missing:
            raise DamagedPatchError(f"{file.name} is missing in {part.description.location}")
        if len(self._open) > _OPEN_SHARDS:
            os.close(self._open.popitem(last=False)[1])
        return self._open[shard]

    def _fetch_again(self, shard: int) -> bool:
        """Whether a new copy of a shard was asked for; once in the life of a reader, in case only the copy is bad."""
        part, file = self._index.shards[shard]
        if shard in self._fetched_again or not self._cache.discard(file.name, file.stamp, part.description.root):
            return False
        self._fetched_again.add(shard)
        os.close(self._open.pop(shard))
        return True


def _is_whole(data: bytes, patch: Patch) -> bool:
    return len(data) == patch.size and blake3(data).digest(16) == patch.checksum
