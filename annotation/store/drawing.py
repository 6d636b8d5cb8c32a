"""Changing what a layer shows, and its state: the appended rows, and the columns of `layer` that they add up to."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass

import numpy as np

from annotation.mask import Mask, encode_mask
from annotation.records import Kind, Layer, Rect, Revision, State
from annotation.store import rows
from annotation.store.clock import now
from annotation.store.errors import RefusedError

_REOPENED = ("todo", "done", "skipped")
"""States that no longer hold once somebody changes the mask: it is in progress then."""


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision before it is stored."""

    id: str
    layer: int
    parent: str
    kind: Kind
    annotator: str
    rect: Rect
    area: int
    note: str
    png: bytes
    confidence: float | None = None


def prepare(
    revision_id: str,
    layer: Layer,
    parent: str,
    kind: Kind,
    annotator: str,
    rect: Rect,
    mask: Mask,
    note: str,
    confidence: float | None = None,
) -> NewRevision:
    """Encodes a whole mask as a revision."""
    area = int(np.count_nonzero(mask))
    return NewRevision(revision_id, layer.id, parent, kind, annotator, rect, area, note, encode_mask(mask), confidence)


def insert(db: sqlite3.Connection, new: NewRevision) -> Revision:
    """Stores a revision; no layer shows it yet."""
    at = now()
    origin = (new.id, new.layer, new.parent, new.kind, new.annotator, at)
    rect = (new.rect.x, new.rect.y, new.rect.width, new.rect.height)
    checksum = hashlib.sha256(new.png).hexdigest()
    db.execute(
        "INSERT INTO revision (id, layer, parent, kind, annotator, at, x, y, width, height, area, note, confidence, "
        "checksum, mask) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*origin, *rect, new.area, new.note, new.confidence, checksum, new.png),
    )
    return Revision(new.id, new.layer, new.parent, new.kind, new.annotator, at, new.rect, new.area, new.note)


def show(db: sqlite3.Connection, layer: Layer, target: str, how: str, operation: str, annotator: str) -> Layer:
    """Makes a layer show another of its revisions, and writes down that it did.

    Args:
        how: `stroke` (a new revision), `undo`, `redo` or `restore`.
        annotator: who did it; "" for the machine, which changes no state.
    """
    db.execute(
        "INSERT INTO move (id, layer, origin, target, how, annotator, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (operation, layer.id, layer.head, target, how, annotator, now()),
    )
    revision = rows.revision(db, layer.id, target)
    is_proposal = revision.kind == "proposal"
    db.execute(
        "UPDATE layer SET head = ?, undo = ?, redo = ?, annotator = ?, is_proposal = ?, version = version + 1, "
        "confidence = (SELECT confidence FROM revision WHERE id = ? AND kind = 'proposal') WHERE id = ?",
        (target, revision.parent, redo_of(db, layer.id, target), revision.annotator, is_proposal, target, layer.id),
    )
    if annotator and layer.state in _REOPENED:
        change_state(db, layer.id, "in_progress", "", annotator)
    return rows.layer(db, layer.id)


def change_state(db: sqlite3.Connection, layer: int, state: State, reason: str, annotator: str) -> Layer:
    db.execute(
        "UPDATE layer SET state = ?, reason = ?, version = version + 1 WHERE id = ?",
        (state, reason, layer),
    )
    db.execute(
        "INSERT INTO state_change (layer, state, reason, annotator, at, version) "
        "SELECT id, state, reason, ?, ?, version FROM layer WHERE id = ?",
        (annotator, now(), layer),
    )
    return rows.layer(db, layer)


def said_last(db: sqlite3.Connection, layer: Layer) -> tuple[str, str, str] | None:
    """State, reason and annotator of the change of state that led to a layer's present version, if one did."""
    found: tuple[str, str, str] | None = db.execute(
        "SELECT state, reason, annotator FROM state_change WHERE layer = ? AND version = ?", (layer.id, layer.version)
    ).fetchone()
    return found


def check_done(db: sqlite3.Connection, layer: Layer, reason: str) -> None:
    """RefusedError where a layer cannot be done: a proposal never, an empty mask only for a reason."""
    if layer.is_proposal:
        raise RefusedError("this mask is the machine's proposal: accept it or change it before it can be done")
    if not reason and not rows.revision(db, layer.id, layer.head).area:
        raise RefusedError("this mask is empty: say why it is done all the same (nothing is blurred here, say)")


def redo_of(db: sqlite3.Connection, layer: int, head: str) -> str | None:
    """The child of `head` that was left by the most recent undo, unless a stroke or a restored revision came since."""
    cleared = db.execute(
        "SELECT seq FROM move WHERE layer = ? AND how IN ('stroke', 'restore') ORDER BY seq DESC LIMIT 1", (layer,)
    ).fetchone()
    left = db.execute(
        "SELECT origin FROM move WHERE layer = ? AND seq > ? AND how = 'undo' AND target = ? ORDER BY seq DESC LIMIT 1",
        (layer, cleared[0] if cleared else 0, head),
    ).fetchone()
    return left[0] if left else None


def how_to_reach(layer: Layer, target: str) -> str:
    """What a person would call showing `target` next."""
    if target == layer.redo:
        return "redo"
    return "undo" if target == layer.undo else "restore"
