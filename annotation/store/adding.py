"""Adding items and layers."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, count

import numpy as np

from annotation.mask import encode_mask
from annotation.store.clock import now


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item before it has a number."""

    name: str
    other_name: str
    """What it is called where another item has the name already."""
    width: int
    height: int
    blurred: str
    sharp: str | None
    sha256: str
    sharp_sha256: str = ""
    provenance: dict[str, str] = field(default_factory=dict)
    layers: int = 1
    """2 where a second opinion is asked for from the start."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that became no item."""

    place: str
    """Relative to its source."""
    reason: str
    """One snake_case word that can be counted."""
    detail: str = ""


def fold(name: str) -> str:
    """A name as file systems that ignore case see it; two items must not differ in less."""
    return name.casefold()


def add_item(db: sqlite3.Connection, source: int, new: NewItem) -> int | None:
    """The number of a new item; None if the source's file is an item already, which is then left alone."""
    if db.execute("SELECT 1 FROM item WHERE source = ? AND blurred = ?", (source, new.blurred)).fetchone():
        return None
    name = _free_name(db, (new.name, new.other_name))
    provenance = json.dumps(new.provenance, ensure_ascii=False, sort_keys=True)
    places = (source, new.blurred, new.sharp, new.sha256, new.sharp_sha256)
    number = db.execute(
        "INSERT INTO item (name, folded, width, height, source, blurred, sharp, sha256, sharp_sha256, provenance) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (name, fold(name), new.width, new.height, *places, provenance),
    ).lastrowid
    assert number is not None
    for layer in range(1, new.layers + 1):
        add_layer(db, number, layer, (new.width, new.height), "")
    return number


def add_layer(db: sqlite3.Connection, item: int, number: int, size: tuple[int, int], asked_by: str) -> int:
    """A layer that shows an empty mask of (width, height)."""
    at, head = now(), uuid.uuid4().hex
    layer = db.execute(
        "INSERT INTO layer (item, number, asked_by, at, head, state, reason, annotator, is_proposal, version) "
        "VALUES (?, ?, ?, ?, ?, 'todo', '', '', 0, 0)",
        (item, number, asked_by, at, head),
    ).lastrowid
    assert layer is not None
    add_root(db, layer, size, head)
    return layer


def add_root(db: sqlite3.Connection, layer: int, size: tuple[int, int], name: str) -> None:
    """The empty revision that a layer of (width, height) begins with."""
    png, checksum = _empty(size)
    db.execute(
        "INSERT INTO revision (id, layer, kind, annotator, at, x, y, width, height, area, note, checksum, mask) "
        "VALUES (?, ?, 'empty', '', ?, 0, 0, ?, ?, 0, '', ?, ?)",
        (name, layer, now(), *size, checksum, png),
    )


def add_refused(db: sqlite3.Connection, source: int, refused: Iterable[Refused]) -> None:
    """Remembers files that became no item; what is known already is not written again."""
    for row in refused:
        newest = db.execute(
            "SELECT reason, detail FROM refused WHERE source = ? AND place = ? ORDER BY seq DESC LIMIT 1",
            (source, row.place),
        ).fetchone()
        if newest != (row.reason, row.detail):
            db.execute(
                "INSERT INTO refused (source, place, reason, detail, at) VALUES (?, ?, ?, ?, ?)",
                (source, row.place, row.reason, row.detail, now()),
            )


@lru_cache(maxsize=64)
def _empty(size: tuple[int, int]) -> tuple[bytes, str]:
    png = encode_mask(np.zeros((size[1], size[0]), np.bool_))
    return png, hashlib.sha256(png).hexdigest()


def _free_name(db: sqlite3.Connection, wanted: tuple[str, str]) -> str:
    numbered = (f"{wanted[1]}~{number}" for number in count(2))
    return next(
        name
        for name in chain(wanted, numbered)
        if not db.execute("SELECT 1 FROM item WHERE folded = ?", (fold(name),)).fetchone()
    )
