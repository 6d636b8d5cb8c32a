"""Whether a store is what was written: a quick look on opening, and a thorough one."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from annotation.mask import MaskError, decode_mask
from annotation.store import drawing, rows
from annotation.store.errors import DamagedError

QUICK_BYTES = 64 * 2**20
"""Stores up to this size are read through on opening (some tenths of a second); `full_check` reads any."""

_ROOT = "SELECT id FROM revision WHERE layer = ? AND parent IS NULL"


def quick_check(db: sqlite3.Connection, path: Path) -> None:
    """SQLite's own look at every page of a small store; at the tables' first rows of a larger one.

    Raises:
        DamagedError: something is wrong.
    """
    if path.stat().st_size <= QUICK_BYTES:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError(f"{path} is damaged ({_line(verdict)}): restore it from a backup")
    for table in ("item", "layer", "move", "state_change", "comment"):
        db.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()


def full_check(db: sqlite3.Connection) -> list[str]:
    """Every row, every mask, and whether the layers show what the appended rows add up to; one line per fault."""
    faults = [_line(verdict) for (verdict,) in db.execute("PRAGMA integrity_check(20)") if verdict != "ok"]
    faults += [f"{row[0]}, row {row[1]}: refers to nothing" for row in db.execute("PRAGMA foreign_key_check")]
    return faults or [*_bad_masks(db), *_bad_layers(db)]


def _bad_masks(db: sqlite3.Connection) -> Iterator[str]:
    found = db.execute(
        "SELECT r.id, r.layer, p.layer, r.area, r.checksum, r.mask, i.width, i.height FROM revision AS r "
        "JOIN layer AS l ON l.id = r.layer JOIN item AS i ON i.id = l.item LEFT JOIN revision AS p ON p.id = r.parent"
    )
    for name, layer, parent_layer, area, checksum, png, width, height in found:
        fault = _mask_fault(png, checksum, area, (width, height))
        if fault:
            yield f"revision {name} of layer {layer}: {fault}"
        if parent_layer not in (None, layer):
            yield f"revision {name} of layer {layer}: its parent belongs to layer {parent_layer}"


def _mask_fault(png: bytes, checksum: str, area: int, size: tuple[int, int]) -> str:
    if hashlib.sha256(png).hexdigest() != checksum:
        return "its mask does not fit its checksum"
    try:
        mask = decode_mask(png, size)
    except MaskError as error:
        return str(error)
    found = int(np.count_nonzero(mask))
    return "" if found == area else f"{found} blurred pixels, {area} were written down"


def _bad_layers(db: sqlite3.Connection) -> Iterator[str]:
    for (number,) in db.execute("SELECT id FROM layer ORDER BY id").fetchall():
        fault = _layer_fault(db, number)
        if fault:
            yield f"layer {number}: {fault}"


def _layer_fault(db: sqlite3.Connection, number: int) -> str:
    """What of a layer's columns the appended rows contradict; "" if nothing."""
    moves = db.execute("SELECT origin, target FROM move WHERE layer = ? ORDER BY seq", (number,)).fetchall()
    (root,) = db.execute(_ROOT, (number,)).fetchone() or ("",)
    if [origin for origin, _ in moves] != [root, *(target for _, target in moves)][:-1]:
        return "its moves do not follow each other"
    layer = rows.layer(db, number)
    wrong = [name for name, value in replay(db, number).items() if getattr(layer, name) != value]
    return f"it does not say what was stored about its {', '.join(wrong)}" if wrong else ""


def replay(db: sqlite3.Connection, number: int) -> dict[str, Any]:
    """The columns of a layer that its moves and changes of state add up to."""
    (root,) = db.execute(_ROOT, (number,)).fetchone() or ("",)
    targets = db.execute("SELECT target FROM move WHERE layer = ? ORDER BY seq", (number,)).fetchall()
    states = db.execute("SELECT state, reason FROM state_change WHERE layer = ? ORDER BY seq", (number,)).fetchall()
    head = rows.revision(db, number, targets[-1][0] if targets else root)
    (confidence,) = db.execute("SELECT confidence FROM revision WHERE id = ?", (head.id,)).fetchone()
    state, reason = states[-1] if states else ("todo", "")
    return {
        "head": head.id,
        "undo": head.parent,
        "redo": drawing.redo_of(db, number, head.id),
        "state": state,
        "reason": reason,
        "annotator": head.annotator,
        "is_proposal": head.kind == "proposal",
        "confidence": confidence,
        "version": len(targets) + len(states),
    }


def _line(verdict: str) -> str:
    return " ".join(str(verdict).split())[:200]
