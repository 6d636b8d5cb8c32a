"""`project.json`: what a project is called, what tells it from others, and where its pictures come from."""

from __future__ import annotations

import fcntl
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from million_ird.errors import StoreError, UsageError
from million_ird.store import Store

PROJECT = "project.json"
FORMAT = "million-ird annotation project"
FORMAT_VERSION = 2
"""Version of the file; a newer one is refused. 1 had no `id`: who knows only 1 would drop it when adding a source."""
_ID = re.compile(r"([0-9a-f]{32})?")
"""As it is written; empty where there is none yet."""


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """Where some of the items come from; items name it by its number."""

    number: int
    kind: str
    """folder, manifest, relo_blur or dataset."""
    place: str
    """An absolute path, or a URL; to be changed by hand if the pictures are moved."""
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Description:
    """What the file says."""

    name: str
    second_opinions: float = 0.0
    """Share of the items that two people label from the start, 0 to 1."""
    sources: tuple[SourceEntry, ...] = field(default=())
    id: str = ""
    """What tells it from every other project, one of the same name too; "" until it is written."""

    def with_source(self, kind: str, place: str, options: Mapping[str, str]) -> Description:
        """The same with one more source."""
        number = max((entry.number for entry in self.sources), default=0) + 1
        return replace(self, sources=(*self.sources, SourceEntry(number, kind, place, options)))

    def number_of(self, kind: str, place: str, options: Mapping[str, str]) -> int | None:
        """The number of a source that is named already, else None."""
        wanted = (kind, place, dict(options))
        same = (e.number for e in self.sources if (e.kind, e.place, dict(e.options)) == wanted)
        return next(same, None)


def write_description(folder: Path, description: Description) -> Description:
    """Writes the file, or replaces it at once; the caller holds `changing`. Returns what it says now: with an id."""
    written = replace(description, id=description.id or uuid.uuid4().hex)
    record = {"format": FORMAT, "version": FORMAT_VERSION, "id": written.id, **asdict(written)}
    store = Store(str(folder))
    store.write(PROJECT, (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode())
    store.sweep()
    return written


def read_description(folder: Path) -> Description:
    """What the file of a project says.

    Raises:
        UsageError: there is none. StoreError: it is damaged, or a newer program wrote it.
    """
    path = folder / PROJECT
    try:
        record = json.loads(path.read_bytes())
        version = int(record["version"])
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{folder} is no project: there is no {PROJECT}; `million-ird annotate create` makes one"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a backup; the masks are elsewhere") from None
    if version > FORMAT_VERSION:
        raise StoreError(f"{path} was written by a newer million-ird (version {version}): install that one")
    return _described(record, path)


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Nobody else makes the project or adds a source to it inside the block; others wait."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _described(record: Mapping[str, Any], path: Path) -> Description:
    """The description if it has everything that is needed, of the right types."""
    name, share, entries = (record.get(key) for key in ("name", "second_opinions", "sources"))
    identity = record.get("id", "")
    if not isinstance(name, str) or not isinstance(share, int | float) or not isinstance(entries, list):
        raise StoreError(f"{path} is damaged: its name, second_opinions or sources are missing")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise StoreError(f"{path} is damaged: its id is not 32 hex digits; without that line it gets another one")
    if not all(_is_source(entry) for entry in entries):
        raise StoreError(f"{path} is damaged: a source needs number, kind, place and options")
    keys = ("number", "kind", "place", "options")
    sources = tuple(SourceEntry(*(entry[key] for key in keys)) for entry in entries)
    return Description(name, float(share), sources, identity)


def _is_source(entry: Any) -> bool:
    kinds = {"number": int, "kind": str, "place": str, "options": dict}
    return isinstance(entry, dict) and all(isinstance(entry.get(key), kind) for key, kind in kinds.items())
