"""WebDataset shards to train on: `key.blur.*`, `key.sharp.*`, `key.mask.png` and `key.json` in plain tars.

Samples that have other members (pairs and single frames, JPEG and PNG) go into folders of their own, because loaders
take their columns from the first samples. Equal masks and pictures give equal bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from pathlib import Path
from tarfile import TarError

from annotation.formats.carried import portable_file
from annotation.formats.files import MASK_FILE_BYTES, files_below, not_empty
from annotation.formats.json_file import table, text, whole
from annotation.formats.model import (
    Format,
    Found,
    Labelled,
    Reading,
    Size,
    Skipped,
    Unreadable,
    Writing,
    Written,
    plain,
)
from annotation.formats.names import one_file_each
from annotation.mask import Mask, MaskError, decode_mask, encode_mask
from annotation.pictures import PictureError
from million_ird.shards import ShardWriter, scan

MASK_MEMBER, FACTS_MEMBER = ".mask.png", ".json"
_OTHER = re.compile(r"[^A-Za-z0-9_/-]")
_LONGEST_KEY = 80
"""USTAR names have at most 100 bytes, and the longest ending is `.sharp.webp`."""


def key_of(name: str) -> str:
    """The key of an item: its name where that has only letters, digits, `_`, `-` and `/`; other characters become `=`
    and their UTF-8 bytes in hexadecimal; a name that is too long then, 24 hex digits of its SHA-256."""
    key = _OTHER.sub(lambda match: "".join(f"={byte:02X}" for byte in match[0].encode()), name)
    return key if len(key) <= _LONGEST_KEY else sha256(name.encode()).hexdigest()[:24]


def write(masks: Sequence[Labelled], folder: Path, writing: Writing) -> Iterator[Written | Skipped]:
    """`FOLDER/pairs-png-png/00000.tar` and so on: what its samples are, then the formats of their pictures."""
    one_file_each([mask.name for mask in masks], [key_of(mask.name) for mask in masks])
    with ExitStack() as stack:
        shelves: dict[str, _Shelf] = {}
        for labelled in masks:
            try:
                pictures = _pictures(labelled)
            except PictureError as error:
                yield Skipped(labelled.name, str(error))
                continue
            kind = "-".join(["single" if labelled.sharp is None else "pairs", *(kind for _, kind, _ in pictures)])
            if kind not in shelves:
                shelves[kind] = stack.enter_context(_Shelf(folder, kind, 1e6 * writing.shard_mb))
            members = [(f".{role}.{kind}", data) for role, kind, data in pictures]
            tar = shelves[kind].add(key_of(labelled.name), [*members, *_mask_members(labelled)])
            yield Written(labelled.name, (tar,))


def _pictures(labelled: Labelled) -> list[tuple[str, str, bytes]]:
    """Role, extension and bytes of an item's one or two pictures."""
    found = [("blur", *portable_file(labelled.blurred))]
    return found if labelled.sharp is None else [*found, ("sharp", *portable_file(labelled.sharp))]


def _mask_members(labelled: Labelled) -> list[tuple[str, bytes]]:
    mask = labelled.mask()
    facts = {
        "name": labelled.name,
        "width": labelled.width,
        "height": labelled.height,
        "blurred_pixels": int(mask.sum()),
        **labelled.facts,
    }
    content = json.dumps(facts, ensure_ascii=False, sort_keys=True) + "\n"
    return [(MASK_MEMBER, encode_mask(mask)), (FACTS_MEMBER, content.encode())]


class _Shelf:
    """The shards of one kind of samples: one is open, and ends once it is large enough."""

    def __init__(self, folder: Path, kind: str, limit: float) -> None:
        self._folder, self._kind, self._limit = folder, kind, limit
        self._number = -1
        self._tar: ShardWriter | None = None

    def add(self, key: str, members: list[tuple[str, bytes]]) -> str:
        """Appends a sample; returns the path of its tar."""
        if self._tar is None or self._tar.size >= self._limit:
            self.close()
            self._number += 1
            (self._folder / self._kind).mkdir(parents=True, exist_ok=True)
            self._tar = ShardWriter(self._folder / self._path())
        for ending, data in members:
            self._tar.add(key + ending, data)
        return self._path()

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()

    def _path(self) -> str:
        return f"{self._kind}/{self._number:05d}.tar"

    def __enter__(self) -> _Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(place: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    """Every `.mask.png` of every tar; its image is what the `.json` of the same key says, else the key."""
    tars = files_below(place, (".tar",))
    not_empty(tars, place, "file *.tar")
    for name, path in tars:
        yield from _read_tar(name, path, reading)


def _read_tar(name: str, path: Path, reading: Reading) -> Iterator[Found | Unreadable]:
    members: dict[str, tuple[int, int]] = {}
    damage: Unreadable | None = None
    try:
        with path.open("rb") as file:
            for member, offset, size in scan(file):
                members[member] = (offset, size)
    except (TarError, OSError, ValueError, OverflowError, EOFError) as error:
        damage = Unreadable(name, f"no tar that can be read to its end: {plain(str(error))}")
    for member, place in members.items():
        if member.endswith(MASK_MEMBER):
            yield _found(name, path, member.removesuffix(MASK_MEMBER), members, place, reading)
    if damage is not None:
        yield damage
    elif not any(member.endswith(MASK_MEMBER) for member in members):
        yield Unreadable(name, f"no member *{MASK_MEMBER}")


def _found(
    name: str, path: Path, key: str, members: dict[str, tuple[int, int]], place: tuple[int, int], reading: Reading
) -> Found | Unreadable:
    where = f"{name}: {plain(key)}"
    try:
        names, size = (key,), None
        if key + FACTS_MEMBER in members:
            facts = table(_parsed(_member(path, *members[key + FACTS_MEMBER])), "its json")
            names = (text(facts.get("name"), "the name in its json"),) if "name" in facts else names
            if "width" in facts and "height" in facts:
                size = whole(facts["width"], "its width"), whole(facts["height"], "its height")
    except MaskError as error:
        return Unreadable(where, str(error))
    return Found(where, "", names, size, partial(_load, path, place, reading))


def _load(path: Path, place: tuple[int, int], reading: Reading, size: Size) -> Mask:
    return decode_mask(_member(path, *place), size, reading.any_nonzero)


def _member(path: Path, offset: int, size: int) -> bytes:
    """A member's bytes; MaskError if they cannot all be read."""
    if size > MASK_FILE_BYTES:
        raise MaskError(f"a member of {size:,} bytes is no mask")
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError as error:
        raise MaskError(f"{plain(path.name)} cannot be read: {error.strerror or error}") from None
    if len(data) != size:
        raise MaskError("the tar ends within it")
    return data


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise MaskError("its json cannot be read") from None


FORMAT = Format("shards", write, read)
