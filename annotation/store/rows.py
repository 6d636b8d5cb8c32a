"""Reading rows of the tables as records."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from typing import Any, TypeVar

from annotation.records import Comment, Item, ItemRow, Layer, LayerRow, Rect, Revision
from annotation.store.errors import NotFoundError

_ITEM = "id, name, width, height, blurred, sharp, sha256, sharp_sha256, source, provenance"
_LAYER = (
    "id, item, number, annotator, state, reason, head, undo, redo, is_proposal, confidence, version"  # as Layer has it
)
_REVISION = "id, layer, parent, kind, annotator, at, x, y, width, height, area, note"
_MANY = -1
"""SQLite's LIMIT for no limit."""

_Record = TypeVar("_Record")


def item(db: sqlite3.Connection, number: int) -> Item:
    return _one(map(_item, db.execute(f"SELECT {_ITEM} FROM item WHERE id = ?", (number,))), f"item {number}")


def item_named(db: sqlite3.Connection, folded: str) -> Item | None:
    return next(map(_item, db.execute(f"SELECT {_ITEM} FROM item WHERE folded = ?", (folded,))), None)


def items(db: sqlite3.Connection, after: int, limit: int) -> list[Item]:
    found = db.execute(f"SELECT {_ITEM} FROM item WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    return [_item(row) for row in found]


def item_rows(db: sqlite3.Connection, after: int, limit: int | None, state: str | None) -> list[ItemRow]:
    """Items and their layers by rising id; with `state`, those that have a layer in it."""
    if state is None:
        page = "SELECT id FROM item WHERE id > :after ORDER BY id LIMIT :limit"
    else:
        page = "SELECT DISTINCT item AS id FROM layer WHERE state = :state AND item > :after ORDER BY item LIMIT :limit"
    return _paged(db, page, {"after": after, "limit": _MANY if limit is None else limit, "state": state})


def found_rows(
    db: sqlite3.Connection, folded: str, after: int, last: int, limit: int, state: str | None
) -> list[ItemRow]:
    """The same of those up to the item `last` whose folded name has `folded` in it."""
    page = "SELECT id FROM item WHERE id > :after AND id <= :last AND instr(folded, :folded)"
    if state is not None:
        page += " AND EXISTS (SELECT 1 FROM layer WHERE layer.item = item.id AND layer.state = :state)"
    values = {"folded": folded, "after": after, "last": last, "limit": limit, "state": state}
    return _paged(db, f"{page} ORDER BY id LIMIT :limit", values)


def _paged(db: sqlite3.Connection, page: str, values: dict[str, Any]) -> list[ItemRow]:
    """The rows of a query's items, with their layers."""
    found = db.execute(
        "SELECT i.id, i.name, i.width, i.height, i.sharp IS NOT NULL, l.id, l.number, l.state, l.annotator, "
        f"l.is_proposal FROM ({page}) AS page JOIN item AS i ON i.id = page.id "
        "JOIN layer AS l ON l.item = i.id ORDER BY i.id, l.number",
        values,
    )
    return [_item_row(list(group)) for _, group in groupby(found, key=lambda row: row[0])]


def layer(db: sqlite3.Connection, number: int) -> Layer:
    return _one(map(_layer, db.execute(f"SELECT {_LAYER} FROM layer WHERE id = ?", (number,))), f"layer {number}")


def layers(db: sqlite3.Connection, of_item: int) -> list[Layer]:
    found = db.execute(f"SELECT {_LAYER} FROM layer WHERE item = ? ORDER BY number", (of_item,))
    return [_layer(row) for row in found]


def revision(db: sqlite3.Connection, of_layer: int, name: str) -> Revision:
    found = db.execute(f"SELECT {_REVISION} FROM revision WHERE id = ? AND layer = ?", (name, of_layer))
    return _one(map(_revision, found), f"revision {name} of layer {of_layer}")


def revision_anywhere(db: sqlite3.Connection, name: str) -> Revision | None:
    return next(map(_revision, db.execute(f"SELECT {_REVISION} FROM revision WHERE id = ?", (name,))), None)


def revisions(db: sqlite3.Connection, of_layer: int) -> list[Revision]:
    """Newest first."""
    found = db.execute(f"SELECT {_REVISION} FROM revision WHERE layer = ? ORDER BY seq DESC", (of_layer,))
    return [_revision(row) for row in found]


def comments(db: sqlite3.Connection, of_item: int) -> list[Comment]:
    found = db.execute("SELECT item, annotator, at, text FROM comment WHERE item = ? ORDER BY seq", (of_item,))
    return [Comment(*row) for row in found]


def _one(found: Iterator[_Record], what: str) -> _Record:
    for record in found:
        return record
    raise NotFoundError(f"there is no {what} in this project")


def _item(row: tuple[Any, ...]) -> Item:
    number, name, width, height, blurred, sharp, sha256, sharp_sha256, source, provenance = row
    return Item(
        id=number,
        name=name,
        width=width,
        height=height,
        is_pair=sharp is not None,
        blurred=blurred,
        sharp=sharp,
        sha256=sha256,
        provenance=json.loads(provenance),
        sharp_sha256=sharp_sha256,
        source=source,
    )


def _item_row(rows: list[tuple[Any, ...]]) -> ItemRow:
    number, name, width, height, is_pair = rows[0][:5]
    layers = ((*row[5:9], bool(row[9])) for row in rows)
    return ItemRow(number, name, width, height, bool(is_pair), tuple(LayerRow(*layer) for layer in layers))


def _layer(row: tuple[Any, ...]) -> Layer:
    *first, is_proposal, confidence, version = row
    values = (*first, bool(is_proposal), confidence, version)
    return Layer(*values)


def _revision(row: tuple[Any, ...]) -> Revision:
    *first, x, y, width, height, area, note = row
    values = (*first, Rect(x, y, width, height), area, note)
    return Revision(*values)
