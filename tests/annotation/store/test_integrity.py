"""Damage is found: at once where it is in a small store, and by `verify` wherever it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from annotation.mask import encode_mask
from annotation.records import Rect
from annotation.store import DamagedError, MaskStore
from million_ird.errors import StoreError
from tests.annotation.store.strokes import draw, new_id, undo


def _tamper(store: MaskStore, *statements: str) -> None:
    """What no program should do: the triggers are dropped first."""
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


def test_a_sound_store_has_no_faults(store: MaskStore) -> None:
    draw(store, 1)
    undo(store, 1)
    store.add_proposal(2, np.ones((30, 40), np.bool_), 0.5, "")
    assert store.verify() == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE revision SET mask = x'00' WHERE seq = 4", "its mask does not fit its checksum"),
        ("UPDATE revision SET area = 5 WHERE seq = 4", "12 blurred pixels, 5 were written down"),
        ("UPDATE revision SET parent = (SELECT head FROM layer WHERE id = 2) WHERE seq = 4", "belongs to layer 2"),
        ("UPDATE layer SET head = undo WHERE id = 1", "not say what was stored about its head"),
        ("UPDATE layer SET state = 'done' WHERE id = 1", "not say what was stored about its state"),
        ("UPDATE layer SET redo = head, version = 9 WHERE id = 1", "about its redo, version"),
        ("UPDATE move SET origin = target", "moves do not follow each other"),
        ("DELETE FROM item WHERE id = 3", "refers to nothing"),
        ("DELETE FROM revision WHERE seq = 5", "refers to nothing"),
    ],
)
def test_every_contradiction_is_found(store: MaskStore, change: str, says: str) -> None:
    draw(store, 1)
    draw(store, 1, Rect(9, 9, 2, 2))
    _tamper(store, change)
    faults = store.verify()
    assert any(says in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)


def test_a_mask_of_another_size_is_found_by_verify(store: MaskStore) -> None:
    draw(store, 1)
    png = encode_mask(np.zeros((3, 3), np.bool_))
    from hashlib import sha256

    _tamper(store, f"UPDATE revision SET mask = x'{png.hex()}', checksum = '{sha256(png).hexdigest()}' WHERE seq = 4")
    assert any("the mask is 3x3, its image 40x30" in fault for fault in store.verify())


def test_a_damaged_mask_is_never_shown_and_older_ones_can_be_restored(store: MaskStore) -> None:
    first, second = draw(store, 1), draw(store, 1)
    _tamper(store, f"UPDATE revision SET mask = zeroblob(99) WHERE id = '{second.id}'")
    with pytest.raises(DamagedError, match=f"mask of revision {second.id} is damaged: restore an older revision"):
        store.mask(1)
    with pytest.raises(DamagedError):
        draw(store, 1)
    store.move_head(1, new_id(), first.id, second.id, "Ada")
    assert store.mask(1).sum() == 12


def test_a_store_with_torn_pages_is_not_opened(store: MaskStore) -> None:
    for x in range(60):
        draw(store, 1, Rect(x % 30, 1, 9, 9))
    store.close()
    data = bytearray(store.path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[4096 * page : 4096 * page + 512] = bytes(512)
    store.path.write_bytes(data)
    with pytest.raises(StoreError, match=r"masks.sqlite is damaged .*restore it from a backup"):
        MaskStore(store.path)


def test_one_torn_page_of_an_index_is_noticed_on_opening(store: MaskStore) -> None:
    store.close()
    with closing(sqlite3.connect(store.path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'comment_by_item'").fetchone()
    data = store.path.read_bytes()
    store.path.write_bytes(data[: 4096 * (page - 1)] + bytes(4096) + data[4096 * page :])
    with pytest.raises(StoreError, match=r"is damaged .*restore it from a backup"):
        MaskStore(store.path)


def test_a_store_cut_short_is_not_opened(store: MaskStore) -> None:
    for x in range(60):
        draw(store, 1, Rect(x % 30, 1, 9, 9))
    store.close()
    store.path.write_bytes(store.path.read_bytes()[:20_000])
    with pytest.raises(StoreError, match=r"is damaged"):
        MaskStore(store.path)
