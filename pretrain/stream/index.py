"""What is known of every patch without touching its bytes: flat arrays, mapped from disk, shared by all processes.

One `IndexPart` describes one location (a built dataset, or a set of tars); the `PatchIndex` of a run lays its parts end
to end and numbers patches and shards through. About 95 bytes a patch, 44 of them its key.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import DatasetError
from pretrain.stream.locks import locked

ENCODINGS = ("jpg", "webp", "png")
"""How a patch's bytes are encoded; the column `encoding` holds positions in this tuple."""

COLUMNS: dict[str, Any] = {
    "block": np.uint32,  # where the member begins in its tar, in tar's blocks of 512 bytes
    "size": np.uint32,  # bytes of the member
    "checksum": np.uint8,  # BLAKE3-128 of them, (n, 16)
    "width": np.uint32,
    "height": np.uint32,
    "orientation": np.uint8,  # EXIF 1 to 8
    "encoding": np.uint8,
    "image": np.uint64,  # hash of the image key
    "key_end": np.int64,  # where the key ends in `key`
    "key": np.uint8,  # all keys, UTF-8, one after the other
}
_LAYOUT = 1
"""Counts up when the files of a stored index change, so that older ones are made anew."""
_TAR_BLOCK = 512

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One tar: its name below the location's root, its bytes, and `stamp`, which changes when its content does."""

    name: str
    nbytes: int
    stamp: str
    patches: int


@dataclass(frozen=True, slots=True)
class PartDescription:
    """What a part says of itself beside its columns."""

    location: str
    """As messages name it."""
    root: str
    """Folder or URL that the names of the shards are relative to, unless they are whole ones."""
    shards: tuple[ShardFile, ...]
    fingerprint: str
    """Of names, sizes and contents; not of the place, so that a copy elsewhere is the same dataset."""
    licences: Mapping[str, int]
    """Patches under each licence, as the dataset words it."""
    image_ends_at: Literal["-", "."]
    """The image key is the part of a patch key's last path component before the first of these."""
    left_out: Mapping[str, int]
    """Members of other people's tars that are no usable pictures, by reason."""


class Patch(NamedTuple):
    """One patch. `shard` and `number` count through all parts of the index."""

    number: int
    shard: int
    key: str
    image_key: str
    encoding: str
    width: int
    height: int
    orientation: int
    offset: int
    size: int
    checksum: bytes


class IndexPart:
    """The patches of one location, shard after shard. The columns are those of `COLUMNS`."""

    def __init__(self, description: PartDescription, columns: Columns, folder: Path | None = None) -> None:
        self.description = description
        self.columns = columns
        self.folder = folder
        """Where it is stored; another process opens it by `load_part`."""
        self.patches = len(columns["size"])

    def patch(self, row: int, number: int, shard: int) -> Patch:
        """The patch in a row of the columns, numbered as the whole index numbers it."""
        columns = self.columns
        key = self.key(row)
        return Patch(
            number,
            shard,
            key,
            image_key(key, self.description.image_ends_at),
            ENCODINGS[columns["encoding"][row]],
            int(columns["width"][row]),
            int(columns["height"][row]),
            int(columns["orientation"][row]),
            int(columns["block"][row]) * _TAR_BLOCK,
            int(columns["size"][row]),
            columns["checksum"][row].tobytes(),
        )

    def key(self, row: int) -> str:
        """The key of the patch in a row."""
        ends = self.columns["key_end"]
        return self.columns["key"][ends[row - 1] if row else 0 : ends[row]].tobytes().decode()

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in self.columns.values())


class PatchIndex:
    """All patches of a run.

    Raises:
        DatasetError: there is not a single patch.
    """

    def __init__(self, parts: Sequence[IndexPart]) -> None:
        self.parts = tuple(parts)
        self._first_patch = [0, *accumulate(part.patches for part in parts)]
        self._first_shard = [0, *accumulate(len(part.description.shards) for part in parts)]
        self.shards = [(part, shard) for part in parts for shard in part.description.shards]
        """Every tar with the part it belongs to."""
        self.shard_starts = [0, *accumulate(shard.patches for _, shard in self.shards)]
        """Number of the first patch of each shard, and of all."""
        if not len(self):
            raise DatasetError(f"there is no patch in {', '.join(part.description.location for part in parts)}")

    def __len__(self) -> int:
        return self._first_patch[-1]

    def patch(self, number: int) -> Patch:
        """The patch of a number 0 … len - 1."""
        part = bisect_right(self._first_patch, number) - 1
        shard = bisect_right(self.shard_starts, number) - 1
        return self.parts[part].patch(number - self._first_patch[part], number, shard)

    def key(self, number: int) -> str:
        """The key of the patch of a number 0 … len - 1, for less than the whole patch costs."""
        part = bisect_right(self._first_patch, number) - 1
        return self.parts[part].key(number - self._first_patch[part])

    def each(self, *names: str) -> Iterator[tuple[int, list[NDArray[Any]]]]:
        """Slices of some columns in the order of the patches: number of the first one, one array for each name."""
        for first, part in zip(self._first_patch, self.parts, strict=False):
            for start in range(0, part.patches, _SLICE):
                yield first + start, [part.columns[name][start : start + _SLICE] for name in names]

    @property
    def fingerprint(self) -> str:
        """Of all parts, in their order: what a checkpoint remembers of the data. 32 hex digits."""
        return digest(part.description.fingerprint for part in self.parts)

    @property
    def licences(self) -> dict[str, int]:
        """Patches under each licence, most first."""
        counts: Counter[str] = Counter()
        for part in self.parts:
            counts.update(part.description.licences)
        return dict(counts.most_common())

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)


_SLICE = 1 << 20  # patches looked at together: bounds what a pass over the columns needs beside them


def image_key(key: str, ends_at: str) -> str:
    """The key of the image that a patch key belongs to."""
    folder, slash, name = key.rpartition("/")
    return folder + slash + name.partition(ends_at)[0]


def image_hashes(keys: Sequence[str]) -> NDArray[np.uint64]:
    """64 bits of the BLAKE2b of each image key: uint64, (n,). Equal neighbours are hashed once."""
    hashes, last, value = np.empty(len(keys), np.uint64), None, 0
    for row, key in enumerate(keys):
        if key != last:
            last, value = key, int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
        hashes[row] = value
    return hashes


def key_columns(keys: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The columns `key` and `key_end` of these keys."""
    encoded = [key.encode() for key in keys]
    ends = np.cumsum(np.array([len(key) for key in encoded], np.int64), dtype=np.int64)
    return {"key": np.frombuffer(b"".join(encoded), np.uint8), "key_end": ends}


def member_columns(offsets: NDArray[np.int64], sizes: NDArray[np.int64], where: str) -> dict[str, NDArray[Any]]:
    """The columns `block` and `size` of members of a tar. `DatasetError` if no tar can hold them there."""
    wrong = (offsets % _TAR_BLOCK != 0) | (offsets < 0) | (offsets // _TAR_BLOCK >= 1 << 32)
    if wrong.any() or (sizes < 0).any() or (sizes >= 1 << 32).any():
        raise DatasetError(f"{where}: its rows point to places where a tar has no members")
    return {"block": (offsets // _TAR_BLOCK).astype(np.uint32), "size": sizes.astype(np.uint32)}


def join_columns(tables: Sequence[Columns]) -> dict[str, NDArray[Any]]:
    """The columns of several shards, one after the other."""
    joined = {
        name: np.concatenate([table[name] for table in tables]).astype(kind, copy=False)
        for name, kind in COLUMNS.items()
        if name != "key_end"
    }
    firsts = [0, *accumulate(len(table["key"]) for table in tables)]
    ends = [table["key_end"] + first for table, first in zip(tables, firsts, strict=False)]
    return {**joined, "key_end": np.concatenate(ends).astype(np.int64, copy=False)}


def digest(texts: Iterator[str] | Sequence[str]) -> str:
    """BLAKE2b-128 of some texts and where each ends, as 32 hex digits."""
    hasher = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode()
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()


def stored_part(
    folder: Path, location: str, stamp: str, build: Callable[[], tuple[PartDescription, Columns]]
) -> IndexPart:
    """The part of a location as `folder` has it, or built now and stored there for every process of this machine.

    Args:
        folder: where indices are kept.
        location: what the part describes.
        stamp: changes when its files do; an index of another stamp is removed.
        build: reads the location; only one process of this machine does at a time.
    """
    name = digest([location])
    target = folder / f"{name}-{digest([stamp, str(_LAYOUT)])}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{name}.lock"):
        part = load_part(target)
        if part is None:
            description, columns = build()
            _store(target, description, columns)
            for old in folder.glob(f"{name}-*"):
                if old != target:
                    shutil.rmtree(old, ignore_errors=True)
            part = load_part(target)
    if part is None:
        raise DatasetError(f"the index in {target} cannot be read back: is the disk full?")
    return part


def load_part(folder: Path) -> IndexPart | None:
    """A stored part with its columns mapped; None if there is none or it is not whole."""
    try:
        content = json.loads((folder / "part.json").read_text())
        content["shards"] = tuple(ShardFile(**shard) for shard in content["shards"])
        columns = {name: _mapped(folder / f"{name}.npy") for name in COLUMNS}
        return IndexPart(PartDescription(**content), columns, folder)
    except (OSError, ValueError, EOFError, KeyError, TypeError):  # what json and numpy raise at files cut short
        return None


def _mapped(file: Path) -> NDArray[Any]:
    # The plain view: slices of numpy's memmap class cost several times more.
    column: NDArray[Any] = np.load(file, mmap_mode="r").view(np.ndarray)
    return column


def _store(target: Path, description: PartDescription, columns: Columns) -> None:
    part = target.with_name(f"{target.name}-{uuid.uuid4().hex[:8]}.part")
    part.mkdir()
    for name in COLUMNS:
        np.save(part / f"{name}.npy", columns[name])
    (part / "part.json").write_text(json.dumps(asdict(description)))
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
