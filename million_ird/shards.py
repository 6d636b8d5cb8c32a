"""Tar shards, written so that equal content gives equal bytes, and read one member at a time.

USTAR headers with fixed time, owner and mode; members in the order they are added; each member's offset, size and
BLAKE3-128 checksum is returned, so that any of them can be read later with one range request and checked.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from blake3 import blake3

from million_ird.errors import DatasetError
from million_ird.store import Store

_BLOCK = tarfile.BLOCKSIZE  # 512 bytes
_RECORD = tarfile.RECORDSIZE  # 10,240 bytes, what tar pads an archive to


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes stand in its tar, and what they must hash to."""

    member: str
    offset: int
    size: int
    checksum: str


def checksum(data: bytes) -> str:
    """BLAKE3-128 as 32 hex digits."""
    return blake3(data).hexdigest(16)


def file_checksum(path: Path) -> str:
    """BLAKE3-128 of a file as 32 hex digits, in constant memory."""
    hasher = blake3()
    if path.stat().st_size:
        hasher.update_mmap(path)
    return hasher.hexdigest(16)


class ShardWriter:
    """Writes one tar. Use as a context manager; `size` is the bytes written so far, 0 while it has no member."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.size = 0

    def add(self, name: str, data: bytes) -> Member:
        """Appends a member. `ValueError` for a name that USTAR cannot hold (over 100 bytes or not ASCII)."""
        if len(name) > 100 or not name.isascii():
            raise ValueError(f"{name!r} does not fit a USTAR header")
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), 0o644
        self._file.write(info.tobuf(tarfile.USTAR_FORMAT))
        offset = self.size + _BLOCK
        self._file.write(data)
        self._file.write(bytes(-len(data) % _BLOCK))
        self.size = offset + len(data) + (-len(data) % _BLOCK)
        return Member(name, offset, len(data), checksum(data))

    def close(self) -> None:
        if not self._file.closed:
            if self.size:
                self._file.write(bytes(2 * _BLOCK + (-(self.size + 2 * _BLOCK) % _RECORD)))
            self._file.close()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_member(store: Store, tar: str, member: Member) -> bytes:
    """A member's bytes, checked against its checksum.

    `tar` is relative to the store, or a full URL or absolute path where a re-cut refers to another dataset's images.

    Raises:
        DatasetError: the bytes are not what the row says; the text names tar and member.
    """
    home, name = locate(store, tar)
    try:
        data = home.read_range(name, member.offset, member.size)
    except FileNotFoundError:
        raise DatasetError(f"{home.path(name)} is missing, which should hold {member.member}") from None
    if checksum(data) != member.checksum:
        raise DatasetError(f"{home.path(name)}: member {member.member} is damaged (checksum differs)")
    return data


def locate(store: Store, tar: str) -> tuple[Store, str]:
    """The store and the name within it that a row's `tar` column means."""
    if "://" not in tar and not tar.startswith("/"):
        return store, tar
    root, _, name = tar.rpartition("/")
    return Store(root), name


def copy_members(file: BinaryIO, shard: ShardWriter, wanted: Callable[[str], bool]) -> dict[str, Member]:
    """Appends the wanted members of a tar to another, in their order; returns where each stands now, by name."""
    members = {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            content = tar.extractfile(info) if info.isfile() and wanted(info.name) else None
            if content is not None:
                members[info.name] = shard.add(info.name, content.read())
    return members


def scan(file: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """(name, offset, size) of every regular member of a tar, from its headers alone."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            if info.isfile():
                yield info.name, info.offset_data, info.size
