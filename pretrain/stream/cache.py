"""Copies of whole remote shards on this machine: bounded in bytes, least recently used goes first, shared by all.

Any number of processes may use one cache folder. A shard is fetched by one of them while the others wait for it; the
locks are those of the kernel, so a process that dies holds nobody up, and a copy appears whole or not at all. Shards of
a local dataset are opened where they are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from million_ird.errors import MillionIrdError, StoreError, UsageError
from million_ird.store import Store
from pretrain.stream.index import digest
from pretrain.stream.locks import is_locked, locked

BUSY_S = 60.0
"""A copy used so recently is not removed for another one: its lane would fetch it again at once. What finds no room is
read over the network, patch by patch, which is slow but never fetches a gigabyte for one sample."""

RETRY_S = (1.0, 3.0, 10.0, 30.0)
"""Pauses between attempts to fetch a shard. A network that stays away longer ends the run, which can be resumed."""


Value = TypeVar("Value")


def cache_folder(setting: str) -> Path:
    """The folder that the setting `stream.cache` means; "" is `$MILLION_IRD_CACHE`, or the user's own cache."""
    if chosen := setting or os.environ.get("MILLION_IRD_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "million-ird"


def shard_key(url: str, stamp: str) -> str:
    """The name of a shard's copy: another one if its content changes."""
    return digest([url, stamp])


class ShardCache:
    """The cache in a folder, of at most `limit` bytes. A copy that was used within the last `busy_s` seconds stays.

    Raises:
        UsageError: the folder cannot be made.
    """

    def __init__(self, folder: Path, limit: int, busy_s: float = BUSY_S) -> None:
        self.folder, self.limit, self._busy_s = folder, limit, busy_s
        self.indices = folder / "index"
        """Where indices are kept; they do not count as shards."""
        self._shards = folder / "shards"
        try:
            self._shards.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"stream.cache: cannot write to {folder} ({error.strerror}): name another folder"
            ) from None

    def open_shard(self, tar: str, stamp: str, root: str = ".", fetch: bool = True) -> int | None:
        """A descriptor of a shard, open for reading, which the caller closes; None if there is no room for a copy.

        Args:
            tar: full path or URL, or a name relative to `root`.
            stamp: what changes when the shard does.
            root: folder or URL of the dataset.
            fetch: make a copy of a remote shard that has none; else None is returned for it.

        Raises:
            FileNotFoundError: there is no such shard.
            StoreError: it cannot be opened or fetched, though it should be there.
        """
        store, name = _locate(tar, root)
        if store.is_local:
            return _open(Path(store.path(name)))
        key = shard_key(f"{store.url}/{name}", stamp)
        copy = self._shards / f"{key}.tar"
        try:
            return _open(copy, used=True)
        except FileNotFoundError:
            if not fetch:
                return None
        with locked(self._shards / f"{key}.lock"):
            try:
                return _open(copy, used=True)  # another process has fetched it meanwhile
            except FileNotFoundError:
                return _patiently(lambda: self._fetch(store, name, key))

    def is_remote(self, tar: str, root: str = ".") -> bool:
        """Whether a shard is read from a copy."""
        return not _locate(tar, root)[0].is_local

    def read_range(self, tar: str, root: str, offset: int, size: int) -> bytes:
        """Some bytes of a shard without a copy; fewer where it ends before. Raises as `open_shard` does."""
        store, name = _locate(tar, root)
        return _patiently(lambda: _foreign(store, name, lambda: store.read_range(name, offset, size)))

    def discard(self, tar: str, stamp: str, root: str = ".") -> bool:
        """Forgets the copy of a remote shard, so that it is fetched again; False for a local one."""
        store, name = _locate(tar, root)
        if not store.is_local:
            with self._evicting():
                (self._shards / f"{shard_key(f'{store.url}/{name}', stamp)}.tar").unlink(missing_ok=True)
        return not store.is_local

    def held_bytes(self) -> int:
        """What copies take, and those on their way."""
        return sum(_held(entry) for entry in os.scandir(self._shards))

    def _fetch(self, store: Store, name: str, key: str) -> int | None:
        nbytes = _foreign(store, name, lambda: store.size(name))
        part = self._reserve(key, nbytes)
        if part is None:
            return None
        _foreign(store, name, lambda: store.fs.get_file(store.path(name), str(part)))
        if (got := part.stat().st_size) != nbytes:
            raise StoreError(f"cannot fetch {store.path(name)}: got {got:,} of {nbytes:,} bytes")
        descriptor = _open(part, used=True)
        with self._evicting():
            part.replace(self._shards / f"{key}.tar")
        return descriptor

    def _reserve(self, key: str, nbytes: int) -> Path | None:
        """Makes room and claims it: the name of the part says how much. None if others need all of it."""
        with self._evicting():
            self._remove_abandoned(key)
            if not self._evict(self.limit - nbytes):
                return None
            part = self._shards / f"{key}.{nbytes}.part"
            part.touch()
            return part

    def _evicting(self) -> AbstractContextManager[None]:
        """Whoever changes what the folder holds does it alone, so that its bytes can be added up."""
        return locked(self._shards / "eviction.lock")

    def _remove_abandoned(self, own: str) -> None:
        """Removes parts whose process is dead: nobody holds their lock. Our own earlier attempt goes as well."""
        for part in self._shards.glob("*.part"):
            key = part.name.partition(".")[0]
            if key == own or not is_locked(self._shards / f"{key}.lock"):
                part.unlink(missing_ok=True)

    def _evict(self, target: int) -> bool:
        """Whether at most `target` bytes are held, once what was not used for longest is removed as far as needed.

        Nothing is removed if that would not be enough.
        """
        copies = [(entry.stat(), entry.path) for entry in os.scandir(self._shards) if entry.name.endswith(".tar")]
        idle = sorted(
            (c for c in copies if c[0].st_mtime <= time.time() - self._busy_s), key=lambda c: c[0].st_mtime_ns
        )
        held, leaving = self.held_bytes(), []
        for stat, path in idle:
            if held <= target:
                break
            held -= stat.st_size
            leaving.append(path)
        if held <= target:
            for path in leaving:
                Path(path).unlink(missing_ok=True)
        return held <= target


def _open(path: Path, used: bool = False) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if used:
        mark_used(descriptor)
    return descriptor


def mark_used(descriptor: int) -> None:
    """Notes on an open copy that it is in use. Only its owner may, so that of another user looks older than it is."""
    with suppress(PermissionError):
        os.utime(descriptor)


def _held(entry: os.DirEntry[str]) -> int:
    """Bytes that a file of the cache takes, or will."""
    if entry.name.endswith(".tar"):
        return entry.stat().st_size
    return int(entry.name.split(".")[1]) if entry.name.endswith(".part") else 0


def _foreign(store: Store, name: str, act: Callable[[], Value]) -> Value:
    """What `act` gives; whatever its file system raises but a missing file becomes a `StoreError`."""
    try:
        return act()
    except (FileNotFoundError, MillionIrdError):
        raise
    except Exception as error:
        raise StoreError(f"cannot fetch {store.path(name)}: {error or type(error).__name__}") from error


def _patiently(act: Callable[[], Value]) -> Value:
    """What `act` gives, tried again for a while if a store does not answer."""
    for pause in RETRY_S:
        try:
            return act()
        except StoreError:
            time.sleep(pause)
    try:
        return act()
    except StoreError as error:
        raise StoreError(f"{error}; tried {len(RETRY_S) + 1} times") from error


def _locate(tar: str, root: str) -> tuple[Store, str]:
    """As `shards.locate`, without opening the same stores again and again."""
    if "://" not in tar and not tar.startswith("/"):
        return _store(root), tar
    folder, _, name = tar.rpartition("/")
    return _store(folder), name


@lru_cache(maxsize=64)
def _store(root: str) -> Store:
    return Store(root)
