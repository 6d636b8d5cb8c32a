"""What can still be read of a damaged store, as a store of its own; the damaged file is left as it is."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.mask import MaskError, decode_mask
from annotation.store import adding, integrity, rows
from annotation.store.clock import now
from annotation.store.connections import explained
from annotation.store.mask_store import MaskStore

_Row = dict[str, Any]

_MISSES = 20_000
"""So many numbers in a row without a readable row mean the end of a table whose length is not known any more."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """What came out of a damaged store."""

    saved: dict[str, int]
    """Rows by table."""
    layers_put_right: int
    """Layers of which something was lost: they show the mask that they showed, or the newest that is left."""


def rescue(damaged: Path, target: Path) -> Rescued:
    """Copies every readable row whose mask is whole into a new store.

    A revision whose parent is lost becomes a child of its layer's empty one.

    Raises:
        StoreError: nothing can be read at all, or `target` is there already or cannot be written.
    """
    with explained(damaged), closing(sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=ro", uri=True)) as old:
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        MaskStore.create(target).close()
        try:
            return _fill(old, target)
        except BaseException:
            target.unlink()  # half of what could be saved must not look like all of it
            raise


def _fill(old: sqlite3.Connection, target: Path) -> Rescued:
    with explained(target), closing(sqlite3.connect(target, isolation_level=None)) as new:
        new.execute("BEGIN IMMEDIATE")
        rescued = _copy(old, new)
        new.execute("COMMIT")
    return rescued


def _copy(old: sqlite3.Connection, new: sqlite3.Connection) -> Rescued:
    saved = {table: sum(_insert(new, table, row) for row in _readable(old, table)) for table in ("item", "layer")}
    saved["revision"] = sum(_insert(new, "revision", row) for row in _whole_revisions(old, new))
    saved |= {table: sum(_insert(new, table, row) for row in _readable(old, table)) for table in ("comment", "refused")}
    bare = new.execute("SELECT id, width, height FROM item WHERE id NOT IN (SELECT item FROM layer)").fetchall()
    for item, *size in bare:
        adding.add_layer(new, item, 1, (size[0], size[1]), "")
    moves, states = _by_layer(old, "move"), _by_layer(old, "state_change")
    layers = [number for (number,) in new.execute("SELECT id FROM layer ORDER BY id").fetchall()]
    right = sum(_settle(new, layer, moves.get(layer, []), states.get(layer, [])) for layer in layers)
    return Rescued(saved, right)


def _readable(old: sqlite3.Connection, table: str) -> Iterator[_Row]:
    """Rows by rising number, each asked for by itself: what lies on a damaged page costs no other row."""
    last, misses = _last(old, table), 0
    number = 0
    while number < last if last else misses < _MISSES:
        number += 1
        row = None
        with suppress(sqlite3.DatabaseError):
            cursor = old.execute(f"SELECT * FROM {table} NOT INDEXED WHERE rowid = ?", (number,))
            values = cursor.fetchone()
            row = dict(zip([column[0] for column in cursor.description], values, strict=True)) if values else None
        misses = 0 if row else misses + 1
        if row:
            yield row


def _last(old: sqlite3.Connection, table: str) -> int:
    """The largest number that a table ever gave; 0 if that cannot be read."""
    with suppress(sqlite3.DatabaseError):
        found = old.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return int(found[0]) if found else 0
    return 0


def _insert(new: sqlite3.Connection, table: str, row: _Row) -> bool:
    """Whether a row went in; one that contradicts a constraint is damaged, or belongs to a lost one."""
    belongs = {"layer": ("item", "item"), "revision": ("layer", "layer"), "comment": ("item", "item")}
    if table in belongs:
        column, owner = belongs[table]
        if new.execute(f"SELECT 1 FROM {owner} WHERE id = ?", (row[column],)).fetchone() is None:
            return False
    names = ", ".join(row)
    try:
        new.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    except sqlite3.Error:
        return False
    return True


def _whole_revisions(old: sqlite3.Connection, new: sqlite3.Connection) -> Iterator[_Row]:
    """Revisions whose masks are whole; each leads back to the empty one of its layer."""
    roots: dict[int, str] = {}
    for row in _readable(old, "revision"):
        layer = row["layer"]
        if not _is_whole(row):
            continue
        if row["parent"] is None:
            roots[layer] = row["id"]
        elif layer not in roots:
            roots[layer] = _root(new, layer)
        known = new.execute("SELECT 1 FROM revision WHERE id = ? AND layer = ?", (row["parent"], layer)).fetchone()
        yield row if row["parent"] is None or known else row | {"parent": roots[layer]}


def _is_whole(row: _Row) -> bool:
    try:
        decode_mask(row["mask"])
    except (MaskError, TypeError):
        return False
    return bool(hashlib.sha256(row["mask"]).hexdigest() == row["checksum"])


def _root(new: sqlite3.Connection, layer: int) -> str:
    """The empty revision that a layer begins with, made anew if it is lost; "" if the layer is lost, too."""
    found = new.execute("SELECT id FROM revision WHERE layer = ? AND parent IS NULL", (layer,)).fetchone()
    if found:
        return str(found[0])
    size = new.execute(
        "SELECT i.width, i.height FROM layer AS l JOIN item AS i ON i.id = l.item WHERE l.id = ?", (layer,)
    ).fetchone()
    if size is None:
        return ""
    name = uuid.uuid4().hex
    adding.add_root(new, layer, size, name)
    return name


def _by_layer(old: sqlite3.Connection, table: str) -> dict[int, list[_Row]]:
    """A table's readable rows by layer, without their numbers: only their order within a layer says anything."""
    found: dict[int, list[_Row]] = {}
    for row in _readable(old, table):
        found.setdefault(row["layer"], []).append({key: value for key, value in row.items() if key != "seq"})
    return found


def _settle(new: sqlite3.Connection, layer: int, moves: list[_Row], states: list[_Row]) -> bool:
    """Writes a layer's moves and states, and makes it say what they add up to; whether something of it was lost."""
    root, told = _root(new, layer), rows.layer(new, layer)
    names = [revision.id for revision in rows.revisions(new, layer)]
    heads = [root, *(move["target"] for move in moves)]
    follow = [move["origin"] for move in moves] == heads[:-1] and heads[-1] == told.head
    is_whole = follow and set(heads) <= set(names) and told.version == len(moves) + len(states)
    if not is_whole:
        moves = _one_move(layer, root, told.head if told.head in names else names[0])
        states = [row | {"version": len(moves) + number} for number, row in enumerate(states, 1)]
    for table, kept in (("move", moves), ("state_change", states)):
        for row in kept:
            _insert(new, table, row)
    columns = integrity.replay(new, layer)
    new.execute(
        f"UPDATE layer SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?", (*columns.values(), layer)
    )
    return not is_whole


def _one_move(layer: int, root: str, head: str) -> list[_Row]:
    """The moves of a layer whose own are lost: from the empty revision to the one that it shows."""
    if head == root:
        return []
    move = {"id": uuid.uuid4().hex, "layer": layer, "origin": root, "target": head, "how": "restore"}
    return [move | {"annotator": "", "at": now()}]
