"""An existing WebDataset: tars whose members share a stem, one of them an image, the others what is known of it."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from typing import Any

from million_ird.manifest.blocks import BLOCK_ROWS, BadRow, Block, shorten
from million_ird.manifest.files import explained, fixed_part, open_stream, relative_to
from million_ird.manifest.folder import IMAGE_SUFFIXES
from million_ird.manifest.local import TAR
from million_ird.manifest.settings import ManifestSettings

_MAX_SIDECAR = 2**20
"""Largest `.json` or `.txt` member in bytes."""


def read_webdataset(path: str, files: list[str], settings: ManifestSettings) -> Iterator[Block]:
    """Blocks of the image members, in tar order. A sample's `.json` gives its columns, its `.txt` the column `txt`.

    A sample without image and a repeated member name are bad rows. One tar is read from end to end, once.
    """
    row = 0
    root = path if files[0].startswith(path + "/") else fixed_part(path)
    for file in files:
        origin = relative_to(root, file)
        seen: set[str] = set()
        block = _Gathering(file, f"{settings.key_prefix}{origin}", row)
        for stem, images, record in _samples(file):
            if not images:
                block.reject("no_image_member", shorten(stem))
            for name in images:
                if name in seen:
                    block.reject("duplicate_member", "an earlier member has this name", name)
                else:
                    block.add(name, record)
                seen.add(name)
            if len(block) >= BLOCK_ROWS:
                yield block.done()
                block = _Gathering(file, block.origin, block.row)
        row = block.row
        if len(block):
            yield block.done()


class _Gathering:
    """A block that grows member by member."""

    def __init__(self, file: str, origin: str, row: int) -> None:
        self.file, self.origin, self.row = file, origin, row
        self._rows: list[int] = []
        self._names: list[str] = []
        self._records: list[dict[str, Any]] = []
        self._bad: list[BadRow] = []

    def __len__(self) -> int:
        return len(self._rows) + len(self._bad)

    def add(self, name: str, record: dict[str, Any]) -> None:
        try:
            name.encode()
        except UnicodeEncodeError:
            self.reject("name_not_utf8", repr(name), name.encode("utf-8", "replace").decode())
            return
        self._rows.append(self.row)
        self._names.append(name)
        self._records.append(record)
        self.row += 1

    def reject(self, reason: str, detail: str, name: str = "") -> None:
        self._bad.append(BadRow(self.row, reason, detail, name))
        self.row += 1

    def done(self) -> Block:
        return Block(
            rows=self._rows,
            records=self._records,
            bad=self._bad,
            urls=self._names,
            roots=[TAR + self.file] * len(self._names),
            origins=[f"{self.origin}/{name}" for name in self._names],
        )


def _samples(file: str) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """(stem, image members, columns) of each sample: consecutive members with one stem."""
    stem = ""
    images: list[str] = []
    record: dict[str, Any] = {}
    with explained(file), open_stream(file) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|*") as tar:
                for member in tar:
                    if not member.isfile():
                        continue
                    folder, slash, base = member.name.rpartition("/")
                    base_stem, _, ending = base.partition(".")
                    if folder + slash + base_stem != stem:
                        if stem:
                            yield stem, images, record
                        stem, images, record = folder + slash + base_stem, [], {}
                    if "." + ending.rpartition(".")[2].lower() in IMAGE_SUFFIXES:
                        images.append(member.name)
                    else:
                        _read_sidecar(tar, member, ending.lower(), record)
        except tarfile.TarError as error:
            raise OSError(f"damaged tar: {error}") from None
    if stem:
        yield stem, images, record


def _read_sidecar(tar: tarfile.TarFile, member: tarfile.TarInfo, ending: str, record: dict[str, Any]) -> None:
    """Adds what a `.json` or `.txt` member says to the sample's columns; what cannot be read is left out, and said."""
    if ending not in ("json", "txt") or member.size > _MAX_SIDECAR:
        return
    reader = tar.extractfile(member)
    text = reader.read().decode("utf-8", "replace") if reader is not None else ""
    if ending == "txt":
        record["txt"] = text
        return
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    record.update(values if isinstance(values, dict) else {"json": shorten(text)})
