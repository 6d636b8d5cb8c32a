"""The tables of `masks.sqlite`, and which of their rows may ever change.

Everything is appended: a stroke is a row of `revision` and one of `move`, a change of state one of `state_change`.
The last columns of `layer` say what all of these add up to, so that lists are fast; `integrity.replay` computes them
anew. Triggers refuse every other change, whatever program tries it.
"""

from __future__ import annotations

import sqlite3

from annotation.store.errors import DamagedError
from million_ird.errors import StoreError

VERSION = 1
"""Stored as SQLite's user_version. A newer one is refused; an older one would be brought up to date on opening."""
APPLICATION_ID = 0x4D49524D
"""Stored in the file's header: `MIRM`."""

_TABLES = """
CREATE TABLE item (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  folded TEXT NOT NULL UNIQUE,       -- the name as file systems that ignore case see it
  width INTEGER NOT NULL CHECK (width > 0),
  height INTEGER NOT NULL CHECK (height > 0),
  source INTEGER NOT NULL,           -- number of the source in project.json
  blurred TEXT NOT NULL,
  sharp TEXT,
  sha256 TEXT NOT NULL,
  sharp_sha256 TEXT NOT NULL,
  provenance TEXT NOT NULL,          -- JSON object of strings
  UNIQUE (source, blurred)
) STRICT;
CREATE TABLE refused (               -- files that became no item, and why
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  source INTEGER NOT NULL,
  place TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE INDEX refused_by_place ON refused (source, place, seq);
CREATE TABLE layer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  item INTEGER NOT NULL REFERENCES item (id),
  number INTEGER NOT NULL CHECK (number IN (1, 2)),
  asked_by TEXT NOT NULL,
  at TEXT NOT NULL,
  head TEXT NOT NULL,                -- from here on: what the appended rows add up to
  undo TEXT,
  redo TEXT,
  state TEXT NOT NULL CHECK (state IN ('todo', 'in_progress', 'done', 'needs_review', 'skipped')),
  reason TEXT NOT NULL,
  annotator TEXT NOT NULL,
  is_proposal INTEGER NOT NULL,
  confidence REAL,
  version INTEGER NOT NULL,
  UNIQUE (item, number)
) STRICT;
CREATE INDEX layer_by_state ON layer (state, item);
CREATE TABLE revision (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE CHECK (length(id) = 32),
  layer INTEGER NOT NULL REFERENCES layer (id),
  parent TEXT REFERENCES revision (id),
  kind TEXT NOT NULL,
  annotator TEXT NOT NULL,
  at TEXT NOT NULL,
  x INTEGER NOT NULL,
  y INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  area INTEGER NOT NULL,
  note TEXT NOT NULL,
  confidence REAL,
  checksum TEXT NOT NULL,            -- SHA-256 of the column `mask`
  mask BLOB NOT NULL                 -- the whole mask: 1-bit PNG
) STRICT;
CREATE INDEX revision_by_layer ON revision (layer, seq);
CREATE TABLE move (                  -- what a layer showed, one row for every change of its head
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,           -- of the operation; for a stroke, of its revision
  layer INTEGER NOT NULL REFERENCES layer (id),
  origin TEXT NOT NULL REFERENCES revision (id),
  target TEXT NOT NULL REFERENCES revision (id),
  how TEXT NOT NULL CHECK (how IN ('stroke', 'undo', 'redo', 'restore')),
  annotator TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE INDEX move_by_layer ON move (layer, seq);
CREATE TABLE state_change (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  layer INTEGER NOT NULL REFERENCES layer (id),
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  annotator TEXT NOT NULL,
  at TEXT NOT NULL,
  version INTEGER NOT NULL,          -- of the layer, afterwards
  UNIQUE (layer, version)
) STRICT;
CREATE TABLE comment (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  item INTEGER NOT NULL REFERENCES item (id),
  annotator TEXT NOT NULL,
  at TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX comment_by_item ON comment (item, seq);
"""

APPENDED = {
    "item": "id = NEW.id OR folded = NEW.folded OR (source = NEW.source AND blurred = NEW.blurred)",
    "refused": "seq = NEW.seq",
    "revision": "seq = NEW.seq OR id = NEW.id",
    "move": "seq = NEW.seq OR id = NEW.id",
    "state_change": "seq = NEW.seq OR (layer = NEW.layer AND version = NEW.version)",
    "comment": "seq = NEW.seq",
}
"""Tables whose rows are never changed or removed, and when a new row would take the place of another: SQLite runs no
trigger for a row that `INSERT OR REPLACE` removes, so such an insert itself has to be refused."""

_FIXED_LAYER = ("id", "item", "number", "asked_by", "at")


def create(connection: sqlite3.Connection) -> None:
    """Makes the tables in an empty file, inside the caller's transaction."""
    for statement in _statements():
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def check(connection: sqlite3.Connection, place: str) -> None:
    """Refuses a file that is no mask store, or that a newer program wrote.

    Raises:
        DamagedError, StoreError: with one line that says what to do.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StoreError(f"{place} is no mask store of this program; is it another database of the same name?")
    if version > VERSION:
        raise StoreError(
            f"{place} was written by a newer million-ird (schema {version}; this one reads up to {VERSION}): install "
            "the version that wrote it"
        )
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    missing = sorted({*APPENDED, "layer"} - tables)
    if missing:
        raise DamagedError(f"{place} is damaged: it has no table {', '.join(missing)}; restore it from a backup")


def _statements() -> list[str]:
    tables = [part for part in _without_comments(_TABLES).split(";") if part.strip()]
    return (
        tables + [statement for table, same in APPENDED.items() for statement in _guards(table, same)] + _layer_guards()
    )


def _without_comments(sql: str) -> str:
    return "\n".join(line.partition("--")[0].rstrip() for line in sql.splitlines())


def _guards(table: str, same: str) -> list[str]:
    abort = f"BEGIN SELECT RAISE (ABORT, 'rows of {table} are never changed or removed'); END"
    return [
        f"CREATE TRIGGER {table}_is_not_updated BEFORE UPDATE ON {table} {abort}",
        f"CREATE TRIGGER {table}_is_not_deleted BEFORE DELETE ON {table} {abort}",
        f"CREATE TRIGGER {table}_is_not_replaced BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {abort}",
    ]


def _layer_guards() -> list[str]:
    abort = "BEGIN SELECT RAISE (ABORT, 'a layer is never removed or given to another item'); END"
    return [
        f"CREATE TRIGGER layer_is_not_updated BEFORE UPDATE OF {', '.join(_FIXED_LAYER)} ON layer {abort}",
        f"CREATE TRIGGER layer_is_not_deleted BEFORE DELETE ON layer {abort}",
        "CREATE TRIGGER layer_is_not_replaced BEFORE INSERT ON layer WHEN EXISTS "
        f"(SELECT 1 FROM layer WHERE id = NEW.id OR (item = NEW.item AND number = NEW.number)) {abort}",
    ]
