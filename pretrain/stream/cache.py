"""Copies of whole remote shards on this machine: bounded in bytes, least recently used goes first, shared by all.

Any number of processes may use one cache folder. A shard is fetched by one of them while the others wait for it; the
locks are those of the kernel, so a process that dies holds nobody up, and a copy appears whole or not at all. Shards of
a local dataset are opened where they are.
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path

from million_ird.errors import MillionIrdError, StoreError, UsageError
from million_ird.shards import locate
from million_ird.store import Store
from pretrain.stream.index import digest
from pretrain.stream.locks import is_locked, locked

RETRY_S = (1.0, 3.0, 10.0, 30.0)
"""Pauses between attempts to fetch a shard. A network that stays away longer ends the run, which can be resumed."""


def cache_folder(setting: str) -> Path:
    """The folder that the setting `stream.cache` means; "" is the user's own cache."""
    if setting:
        return Path(setting).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "million-ird"


def shard_key(url: str, stamp: str) -> str:
    """The name of a shard's copy: another one if its content changes."""
    return digest([url, stamp])


class ShardCache:
    """The cache in a folder, of at most `limit` bytes.

    Raises:
        UsageError: the folder cannot be made.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self.indices = folder / "index"
        """Where indices are kept; they do not count as shards."""
        self._shards = folder / "shards"
        try:
            self._shards.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"stream.cache: cannot write to {folder} ({error.strerror}): name another folder"
            ) from None

    def open_shard(self, tar: str, stamp: str, root: str = ".") -> int:
        """A descriptor of a shard, open for reading; the caller closes it. Eviction does not harm an open one.

        Args:
            tar: full path or URL, or a name relative to `root`.
            stamp: what changes when the shard does.
            root: folder or URL of the dataset.

        Raises:
            FileNotFoundError: there is no such shard.
            StoreError: it cannot be fetched, though it should be there.
            UsageError: it is larger than the cache may be.
        """
        store, name = locate(_store(root), tar)
        if store.is_local:
            return _open(Path(store.path(name)))
        key = shard_key(f"{store.url}/{name}", stamp)
        copy = self._shards / f"{key}.tar"
        try:
            return _open(copy, used=True)
        except FileNotFoundError:
            pass
        with locked(self._shards / f"{key}.lock"):
            try:
                return _open(copy, used=True)  # another process has fetched it meanwhile
            except FileNotFoundError:
                return self._fetch(store, name, key)

    def discard(self, tar: str, stamp: str, root: str = ".") -> bool:
        """Forgets the copy of a remote shard, so that it is fetched again; False for a local one."""
        store, name = locate(_store(root), tar)
        if not store.is_local:
            with self._evicting():
                (self._shards / f"{shard_key(f'{store.url}/{name}', stamp)}.tar").unlink(missing_ok=True)
        return not store.is_local

    def held_bytes(self) -> int:
        """What copies take, and those on their way."""
        return sum(_held(entry) for entry in os.scandir(self._shards))

    def _fetch(self, store: Store, name: str, key: str) -> int:
        copy = self._shards / f"{key}.tar"
        for pause in (*RETRY_S, None):
            try:
                nbytes = store.size(name)
                part = self._reserve(key, nbytes)
                _download(store, name, part, nbytes)
                descriptor = _open(part)
                with self._evicting():
                    part.replace(copy)
                return descriptor
            except StoreError as error:
                if pause is None:
                    raise StoreError(f"{error}; tried {len(RETRY_S) + 1} times") from None
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _evicting(self) -> AbstractContextManager[None]:
        """Whoever changes what the folder holds does it alone, so that its bytes can be added up."""
        return locked(self._shards / "eviction.lock")

    def _reserve(self, key: str, nbytes: int) -> Path:
        """Makes room and claims it: the name of the part says how much. Waits while others claim too much."""
        if nbytes > self.limit:
            raise UsageError(
                f"stream.cache_gb = {self.limit / 1e9:g} has no room for a shard of {nbytes / 1e9:g} GB: "
                "it must hold at least one, and better two for each lane of this machine"
            )
        while True:
            with self._evicting():
                self._remove_abandoned(key)
                self._evict(self.limit - nbytes)
                if self.held_bytes() + nbytes <= self.limit:
                    part = self._shards / f"{key}.{nbytes}.part"
                    part.touch()
                    return part
            time.sleep(0.05)

    def _remove_abandoned(self, own: str) -> None:
        """Removes parts whose process is dead: nobody holds their lock. Our own earlier attempt goes as well."""
        for part in self._shards.glob("*.part"):
            key = part.name.partition(".")[0]
            if key == own or not is_locked(self._shards / f"{key}.lock"):
                part.unlink(missing_ok=True)

    def _evict(self, target: int) -> None:
        """Removes what was not used for longest until at most `target` bytes are held."""
        held = self.held_bytes()
        copies = [
            (entry.stat().st_mtime_ns, entry) for entry in os.scandir(self._shards) if entry.name.endswith(".tar")
        ]
        for _, entry in sorted(copies, key=lambda copy: copy[0]):
            if held <= target:
                return
            held -= entry.stat().st_size
            Path(entry.path).unlink(missing_ok=True)


def _open(path: Path, used: bool = False) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if used:
        os.utime(descriptor)
    return descriptor


def _held(entry: os.DirEntry[str]) -> int:
    """Bytes that a file of the cache takes, or will."""
    if entry.name.endswith(".tar"):
        return entry.stat().st_size
    return int(entry.name.split(".")[1]) if entry.name.endswith(".part") else 0


def _download(store: Store, name: str, part: Path, nbytes: int) -> None:
    where = store.path(name)
    try:
        store.fs.get_file(where, str(part))
    except (FileNotFoundError, MillionIrdError):
        raise
    except Exception as error:
        raise StoreError(f"cannot fetch {where}: {error or type(error).__name__}") from error
    if (got := part.stat().st_size) != nbytes:
        raise StoreError(f"cannot fetch {where}: got {got:,} of {nbytes:,} bytes")


@lru_cache(maxsize=64)
def _store(root: str) -> Store:
    return Store(root)
