"""The index of tars with `key.blur.*`, `key.sharp.*` and `key.mask.png`: three patches of a `PatchIndex` for each key.

Plain indices of tars leave 1-bit pictures out, since nobody trains to restore one; here the masks are what is sought.
Everything else is theirs: where members are, their checksums, copies of remote tars, and that an index is made once.
"""

from __future__ import annotations

import os
import struct
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from blake3 import blake3

from million_ird.errors import DatasetError, UsageError
from million_ird.pixels import Header, read_header
from million_ird.records import Rejection
from million_ird.shards import scan
from pretrain.images import AS_STORED
from pretrain.stream.cache import ShardCache
from pretrain.stream.index import (
    ENCODINGS,
    Columns,
    IndexPart,
    PartDescription,
    Patch,
    PatchIndex,
    ShardFile,
    digest,
    image_hashes,
    join_columns,
    key_columns,
    member_columns,
    stored_part,
)
from pretrain.stream.listing import is_pattern, list_tars

ROLES = ("blur", "sharp", "mask")
_ENCODING_OF = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_PNG_SIZE = struct.Struct(">8x4x4s2I")
"""Signature, length of the first chunk, its name, width and height."""
_Member = tuple[int, int]
"""Offset and size in bytes."""


@dataclass
class _Scan:
    """The triples of one tar."""

    keys: list[str] = field(default_factory=list)
    rows: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    """offset, size, width, height, orientation, encoding"""
    checksums: list[bytes] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class Triples:
    """Pairs with their masks: 0 … len - 1, shard after shard."""

    def __init__(self, index: PatchIndex) -> None:
        self.index = index

    def __len__(self) -> int:
        return len(self.index) // len(ROLES)

    def members(self, number: int) -> tuple[Patch, Patch, Patch]:
        """The blurred picture, the sharp one and the mask of a triple; all of one size."""
        blur, sharp, mask = (self.index.patch(len(ROLES) * number + role) for role in range(len(ROLES)))
        return blur, sharp, mask

    @property
    def left_out(self) -> Counter[str]:
        """Keys that are no usable triple, by reason."""
        return sum((Counter(part.description.left_out) for part in self.index.parts), Counter[str]())


def read_triples(locations: list[str], cache: ShardCache, say: Callable[[str], None]) -> Triples:
    """The triples in tars at some locations: folders, single tars, patterns of them, on any fsspec URL.

    A folder's tars are looked for in it and in the folders directly below, where an export puts them.

    Raises:
        DatasetError: no tar, a file that is none, or no triple in any.
    """
    parts = [_open_part(location, cache, say) for location in locations]
    if not any(part.patches for part in parts):
        reasons = ", ".join(
            f"{count:,} {reason}" for part in parts for reason, count in part.description.left_out.items()
        )
        where = ", ".join(locations)
        raise DatasetError(f"there is no pair with a blur mask in the tars at {where} ({reasons or 'no .mask.png'})")
    return Triples(PatchIndex(parts))


def _open_part(location: str, cache: ShardCache, say: Callable[[str], None]) -> IndexPart:
    tars = _tars(location)
    stamp = "\n".join(f"{name} {mark}" for name, _, mark in tars)
    return stored_part(cache.indices, f"local blur {location}", stamp, lambda: _read(location, tars, cache, say))


def _tars(location: str) -> list[tuple[str, int, str]]:
    if is_pattern(location):
        return list_tars(location)
    found, problem = [], None
    for pattern in ("*.tar", "*/*.tar"):
        try:
            found += list_tars(f"{location.rstrip('/')}/{pattern}")
        except DatasetError as error:
            problem = error
    if not found and problem is not None:
        raise DatasetError(f"there is no tar in {location}, nor in the folders in it") from problem
    return found


def _read(
    location: str, tars: list[tuple[str, int, str]], cache: ShardCache, say: Callable[[str], None]
) -> tuple[PartDescription, Columns]:
    say(f"indexing {len(tars):,} tars at {location}: once, until they change")
    tables, shards, contents, left_out = [], [], [], Counter[str]()
    for name, nbytes, stamp in tars:
        found = _read_tar(cache, name, stamp)
        shards.append(ShardFile(name, nbytes, stamp, len(found.keys)))
        tables.append(_columns(found, name))
        left_out.update(found.left_out)
        contents.append(f"{name.rpartition('/')[2]} {nbytes} {digest([*found.keys, *map(bytes.hex, found.checksums)])}")
    description = PartDescription(location, ".", tuple(shards), digest(contents), {}, ".", dict(left_out))
    return description, join_columns(tables)


def _read_tar(cache: ShardCache, name: str, stamp: str) -> _Scan:
    try:
        descriptor = ShardCache(cache.folder, cache.limit, busy_s=0).open_shard(name, stamp)
    except FileNotFoundError:
        raise DatasetError(f"{name} is gone since it was listed") from None
    if descriptor is None:
        raise UsageError(f"the cache has no room for {name}, which must be read through once to be indexed")
    found, members = _Scan(), dict[str, dict[str, _Member]]()
    with os.fdopen(descriptor, "rb") as file:
        try:
            for member, offset, size in scan(file):
                _sort_in(members, member, offset, size)
        except tarfile.ReadError as error:
            if not members:
                raise DatasetError(f"{name} is no tar, or a compressed one: {error}") from None
            found.left_out["after_a_damaged_header"] += 1
        for key, roles in members.items():
            _add(found, descriptor, key, roles)
    return found


def _sort_in(members: dict[str, dict[str, _Member]], member: str, offset: int, size: int) -> None:
    """`s01/00.blur.png` is the role `blur` of the key `s01/00`; other members are left alone."""
    folder, slash, file = member.rpartition("/")
    base, _, rest = file.partition(".")
    role = rest.partition(".")[0]
    if base and role in ROLES and "." in rest:
        members.setdefault(folder + slash + base, {})[role] = (offset, size)


def _add(found: _Scan, descriptor: int, key: str, roles: dict[str, _Member]) -> None:
    """Takes a key up if it is whole and its pictures can be decoded; else counts why not."""
    missing = [role for role in ROLES if role not in roles]
    if missing:
        found.left_out[f"without_{missing[0]}"] += 1
        return
    rows, checksums = [], []
    for role in ROLES:
        offset, size = roles[role]
        data = os.pread(descriptor, size, offset)
        row = _look(data, role) if len(data) == size else "truncated"
        if isinstance(row, str):
            found.left_out[f"{role}_{row}"] += 1
            return
        rows.append((offset, size, *row))
        checksums.append(blake3(data).digest(16))
    if len({row[2:4] for row in rows}) > 1:
        found.left_out["sizes_differ"] += 1
        return
    found.keys += [f"{key}.{role}" for role in ROLES]
    found.rows += rows
    found.checksums += checksums


def _look(data: bytes, role: str) -> tuple[int, int, int, int] | str:
    """width, height, orientation and encoding of a member, or why it cannot be used."""
    if role == "mask":
        if len(data) < _PNG_SIZE.size or not data.startswith(b"\x89PNG\r\n\x1a\n"):
            return "is_no_png"
        name, width, height = _PNG_SIZE.unpack_from(data)
        return (width, height, 1, ENCODINGS.index("png")) if name == b"IHDR" else "is_no_png"
    header = read_header(data, AS_STORED)
    if isinstance(header, Rejection):
        return header.reason
    return _of_picture(header)


def _of_picture(header: Header) -> tuple[int, int, int, int] | str:
    if header.format not in _ENCODING_OF:
        return f"is_{header.format}"
    if header.is_cmyk:
        return "cmyk"
    if header.orientation != 1:
        return "is_not_upright"  # its mask is, and a mask is never turned
    return header.width, header.height, 1, ENCODINGS.index(_ENCODING_OF[header.format])


def _columns(found: _Scan, name: str) -> Columns:
    rows = np.array(found.rows, np.int64).reshape(-1, 6)
    return {
        **member_columns(rows[:, 0], rows[:, 1], name),
        **key_columns(found.keys),
        "checksum": np.frombuffer(b"".join(found.checksums), np.uint8).reshape(-1, 16),
        "width": rows[:, 2].astype(np.uint32),
        "height": rows[:, 3].astype(np.uint32),
        "orientation": rows[:, 4].astype(np.uint8),
        "encoding": rows[:, 5].astype(np.uint8),
        "image": image_hashes([key.rpartition(".")[0] for key in found.keys]),
    }
