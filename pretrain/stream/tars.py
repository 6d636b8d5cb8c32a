"""The index of tars that others made (WebDataset or any other): every picture in them is a patch."""

from __future__ import annotations

import os
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from blake3 import blake3

from million_ird.errors import DatasetError, UsageError
from million_ird.pixels import DecodeSettings, read_header
from million_ird.records import Rejection
from million_ird.shards import scan
from pretrain.stream.cache import ShardCache, shard_key
from pretrain.stream.index import (
    ENCODINGS,
    Columns,
    PartDescription,
    ShardFile,
    digest,
    image_hashes,
    image_key,
    join_columns,
    key_columns,
    member_columns,
)

_ENCODING_OF = {"jpg": "jpg", "jpeg": "jpg", "png": "png", "webp": "webp"}
_FORMAT_OF = {"jpg": "jpeg", "png": "png", "webp": "webp"}
_HEADERS = DecodeSettings(colour="keep")
"""Pixels of other people's pictures are taken as they are stored, whatever their colour space."""


@dataclass
class _Scan:
    """What the pictures of one tar are."""

    keys: list[str] = field(default_factory=list)
    rows: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    """offset, size, width, height, orientation, encoding"""
    checksums: list[bytes] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read_tars(
    location: str, tars: list[tuple[str, int, str]], cache: ShardCache, say: Callable[[str], None]
) -> tuple[PartDescription, Columns]:
    """Description and columns of the pictures in some tars; each tar is read through once.

    Args:
        location: what the user wrote.
        tars: as `listing.list_tars` found them.
        cache: through which remote ones are read; what was found in each is kept beside it, so that an interrupted
            indexing goes on where it was.
        say: takes a line for a person.

    Raises:
        DatasetError: a file that is no tar, or no picture in any.
    """
    say(f"indexing {len(tars):,} tars at {location}: once, until they change")
    tables, shards, contents, left_out = [], [], [], Counter[str]()
    for name, nbytes, stamp in tars:
        columns, unusable = _remembered(cache, name, stamp)
        left_out.update(unusable)
        shards.append(ShardFile(name, nbytes, stamp, len(columns["size"])))
        tables.append(columns)
        content = [blake3(columns[column].tobytes()).hexdigest(16) for column in ("key", "key_end", "checksum")]
        contents.append(" ".join([name.rpartition("/")[2], str(nbytes), *content]))
    if not any(shard.patches for shard in shards):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "only other files"
        raise DatasetError(f"there is no usable jpg, png or webp member in the tars at {location} ({reasons})")
    description = PartDescription(location, ".", tuple(shards), digest(contents), {}, ".", dict(left_out))
    return description, join_columns(tables)


def _remembered(cache: ShardCache, name: str, stamp: str) -> tuple[dict[str, Any], Counter[str]]:
    """The columns of a tar and its unusable members, from an earlier reading if the tar is still the same."""
    file = cache.indices / "tars" / f"{shard_key(name, stamp)}.npz"
    try:
        with file.open("rb") as stored, np.load(stored) as found:
            columns = dict(found)
        return columns, Counter(dict(zip(columns.pop("reason").tolist(), columns.pop("count").tolist(), strict=True)))
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):  # none yet, or cut short
        found_now = _read_tar(cache, name, stamp)
    columns = _columns(found_now, name)
    reasons = {"reason": np.array(list(found_now.left_out), "U40"), "count": np.array([*found_now.left_out.values()])}
    content: dict[str, Any] = {**columns, **reasons}
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    with part.open("wb") as target:
        np.savez(target, **content)
    part.replace(file)
    return columns, found_now.left_out


def _read_tar(cache: ShardCache, name: str, stamp: str) -> _Scan:
    found = _Scan()
    try:
        # One tar after the other: those read before need not stay.
        descriptor = ShardCache(cache.folder, cache.limit, busy_s=0).open_shard(name, stamp)
    except FileNotFoundError:
        raise DatasetError(f"{name} is gone since it was listed") from None
    if descriptor is None:
        raise UsageError(f"stream.cache_gb has no room for {name}, which must be read through once to be indexed")
    with os.fdopen(descriptor, "rb") as file:
        try:
            for member, offset, size in scan(file):
                _add(found, descriptor, member, offset, size)
        except tarfile.ReadError as error:
            if not found.keys and not found.left_out:
                raise DatasetError(f"{name} is no tar, or a compressed one: {error}") from None
            found.left_out["after_a_damaged_header"] += 1
    return found


def _add(found: _Scan, descriptor: int, member: str, offset: int, size: int) -> None:
    """Takes a member up, if its name says that it is a picture and its header does not deny it."""
    stem, _, extension = member.rpartition(".")
    encoding = _ENCODING_OF.get(extension.lower())
    if encoding is None or not Path(stem).name:
        return
    data = os.pread(descriptor, size, offset)
    header = read_header(data, _HEADERS) if len(data) == size else Rejection("decode", "truncated")
    if isinstance(header, Rejection):
        found.left_out[header.reason] += 1
    elif header.format != _FORMAT_OF[encoding]:
        found.left_out[f"{extension.lower()}_is_{header.format}"] += 1
    elif header.is_cmyk:
        found.left_out["cmyk"] += 1
    else:
        found.keys.append(stem)
        found.checksums.append(blake3(data).digest(16))
        code = ENCODINGS.index(encoding)
        found.rows.append((offset, size, header.width, header.height, header.orientation, code))


def _columns(found: _Scan, name: str) -> dict[str, Any]:
    rows = np.array(found.rows, np.int64).reshape(-1, 6)
    return {
        **member_columns(rows[:, 0], rows[:, 1], name),
        **key_columns(found.keys),
        "checksum": np.frombuffer(b"".join(found.checksums), np.uint8).reshape(-1, 16),
        "width": rows[:, 2].astype(np.uint32),
        "height": rows[:, 3].astype(np.uint32),
        "orientation": rows[:, 4].astype(np.uint8),
        "encoding": rows[:, 5].astype(np.uint8),
        "image": image_hashes([image_key(key, ".") for key in found.keys]),
    }
