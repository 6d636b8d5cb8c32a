"""The database itself refuses to forget, and to be read by a program that is too old."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from annotation.store import MaskStore, Refused
from annotation.store.schema import APPENDED
from million_ird.errors import StoreError
from tests.annotation.store.strokes import draw, undo


@pytest.fixture
def raw(store: MaskStore) -> Iterator[sqlite3.Connection]:
    """Another program's connection to a store in use."""
    draw(store, 1)
    undo(store, 1)
    store.add_comment(1, "Ada", "text")
    store.add_items(1, [Refused("x.txt", "not_an_image")])
    store.set_state(1, "needs_review", "", store.layer(1).version, "Ada")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize("table", APPENDED)
def test_no_row_is_changed_removed_or_replaced(raw: sqlite3.Connection, table: str) -> None:
    rows = raw.execute(f"SELECT * FROM {table}").fetchall()
    assert rows
    columns = [column for _, column, *_ in raw.execute(f"PRAGMA table_info({table})")]
    refused = f"rows of {table} are never changed or removed"
    for column in columns:
        with pytest.raises(sqlite3.IntegrityError, match=refused):
            raw.execute(f"UPDATE {table} SET {column} = {column}")
        with pytest.raises(sqlite3.IntegrityError, match=refused):
            raw.execute(f"UPDATE OR REPLACE {table} SET {column} = {column}")
    with pytest.raises(sqlite3.IntegrityError, match=refused):
        raw.execute(f"DELETE FROM {table}")
    with pytest.raises(sqlite3.IntegrityError, match=refused):
        raw.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    assert raw.execute(f"SELECT * FROM {table}").fetchall() == rows


@pytest.mark.parametrize(
    "change", ["UPDATE layer SET item = 2", "DELETE FROM layer", "INSERT OR REPLACE INTO layer SELECT * FROM layer"]
)
def test_no_layer_is_removed_or_given_away(raw: sqlite3.Connection, change: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="never removed or given"):
        raw.execute(change)


def test_an_insert_cannot_take_the_place_of_a_name(raw: sqlite3.Connection) -> None:
    values = "SELECT NULL, 'A', folded, 1, 1, 9, 'new', NULL, '', '', '{}' FROM item WHERE id = 1"
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        raw.execute(f"INSERT OR REPLACE INTO item {values}")


@pytest.mark.parametrize(
    ("pragma", "says"),
    [
        ("user_version = 99", r"newer million-ird \(schema 99; this one reads up to 1\): install"),
        ("application_id = 1", "no mask store of this program"),
    ],
)
def test_a_store_of_another_program_or_version_is_refused(store: MaskStore, pragma: str, says: str) -> None:
    store.close()
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(StoreError, match=says):
        MaskStore(store.path)


def test_a_store_without_a_table_is_damaged(store: MaskStore) -> None:
    store.close()
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("DROP TABLE comment")
    with pytest.raises(StoreError, match="damaged: it has no table comment; restore it from a backup"):
        MaskStore(store.path)


def test_the_store_is_written_ahead_and_to_the_disk(store: MaskStore) -> None:
    with store._connections.plain() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
