"""Whatever is readable of a damaged store comes out of it, and what comes out is sound."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from annotation.records import Rect
from annotation.store import MaskStore, Refused
from annotation.store.rescue import rescue
from million_ird.errors import StoreError
from tests.annotation.store.strokes import draw, small_item, undo

PAGE = 4096


@pytest.fixture
def busy(worked_on: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copy(worked_on, tmp_path / "masks.sqlite"))


@pytest.fixture(scope="module")
def worked_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store with work of every kind on it."""
    store = MaskStore.create(tmp_path_factory.mktemp("worked") / "masks.sqlite")
    store.add_items(1, [small_item(f"{number:03d}") for number in range(60)])
    store.add_items(1, [Refused("x.txt", "not_an_image")])
    rng = random.Random(1)
    for _ in range(300):
        layer = rng.randint(1, 60)
        if store.layer(layer).undo and rng.random() < 0.2:
            undo(store, layer)
        else:
            draw(store, layer, Rect(rng.randrange(30), rng.randrange(20), 9, 9))
    store.add_proposal(store.ask_second(1).id, np.eye(30, 40, dtype=np.bool_), 0.5, "")
    store.set_state(2, "needs_review", "why", store.layer(2).version, "Ada")
    store.add_comment(3, "Ada", "text")
    store.close()
    return store.path


def test_everything_comes_out_of_a_sound_store(busy: Path, tmp_path: Path) -> None:
    rescued = rescue(busy, tmp_path / "saved.sqlite")
    old, new = MaskStore(busy), MaskStore(tmp_path / "saved.sqlite")
    assert rescued.layers_put_right == 0
    assert rescued.saved == {
        "item": 60,
        "layer": 61,
        "revision": 61 + 300 + 1 - _undone(old),
        "comment": 1,
        "refused": 1,
    }
    assert new.verify() == []
    for layer in range(1, 62):
        assert new.layer(layer) == old.layer(layer)
        assert new.history(layer) == old.history(layer)
    old.close()
    new.close()


def _undone(store: MaskStore) -> int:
    with store._connections.plain() as connection:
        (count,) = connection.execute("SELECT count(*) FROM move WHERE how = 'undo'").fetchone()
        return int(count)


@pytest.mark.parametrize("seed", range(8))
def test_of_a_store_with_torn_pages_the_rest_comes_out_sound(busy: Path, tmp_path: Path, seed: int) -> None:
    old = MaskStore(busy)
    masks = {r.id: old.mask(layer, r.id) for layer in range(1, 62) for r in old.history(layer)}
    old.close()
    data = bytearray(busy.read_bytes())
    rng = random.Random(seed)
    pages = len(data) // PAGE
    for page in rng.sample(range(1, pages), 3):
        data[PAGE * page : PAGE * (page + 1)] = rng.randbytes(PAGE)
    busy.write_bytes(data)
    if not _has_schema(busy):
        with pytest.raises(StoreError, match="is damaged"):
            rescue(busy, tmp_path / "saved.sqlite")
        return
    rescued = rescue(busy, tmp_path / "saved.sqlite")
    new = MaskStore(tmp_path / "saved.sqlite")
    assert new.verify() == []
    shown = [row for item in new.every_item() for row in new.layers(item.id)]
    saved = [r for layer in shown for r in new.history(layer.id)]
    assert all(np.array_equal(new.mask(r.layer, r.id), masks[r.id]) for r in saved if r.id in masks)
    assert rescued.saved["revision"] == sum(r.id in masks for r in saved)
    for layer in shown:
        draw(new, layer.id)
    assert new.verify() == []
    new.close()


def _has_schema(path: Path) -> bool:
    """Whether a damaged file can still say which tables it has; else nothing in it can be found."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("SELECT * FROM sqlite_master").fetchall())
    except sqlite3.DatabaseError:
        return False


@pytest.mark.parametrize("table", ["move", "state_change"])
def test_a_layer_whose_moves_are_lost_shows_what_it_showed(busy: Path, tmp_path: Path, table: str) -> None:
    with closing(sqlite3.connect(busy, isolation_level=None)) as connection:
        connection.execute(f"DROP TRIGGER {table}_is_not_deleted")
        connection.execute(f"DELETE FROM {table} WHERE layer IN (2, 3)")
    assert rescue(busy, tmp_path / "saved.sqlite").layers_put_right == 2
    with closing(sqlite3.connect(busy)) as connection:
        heads = dict(connection.execute("SELECT id, head FROM layer"))
    new = MaskStore(tmp_path / "saved.sqlite")
    assert new.verify() == []
    assert {number: new.layer(number).head for number in heads} == heads
    new.set_state(2, "skipped", "x", new.layer(2).version, "Ada")
    new.close()


def test_a_revision_whose_parent_is_lost_stays(busy: Path, tmp_path: Path) -> None:
    old = MaskStore(busy)
    lost, kept = draw(old, 5), draw(old, 5)
    old.close()
    with closing(sqlite3.connect(busy, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER revision_is_not_updated")
        connection.execute("UPDATE revision SET mask = x'00' WHERE id = ?", (lost.id,))
    assert rescue(busy, tmp_path / "saved.sqlite").layers_put_right == 1
    new = MaskStore(tmp_path / "saved.sqlite")
    shown = new.layer(5)
    assert (shown.head, shown.undo) == (kept.id, new.history(5)[-1].id)
    assert lost.id not in {revision.id for revision in new.history(5)}
    new.close()


def test_nothing_is_overwritten_and_what_is_no_database_is_said_to_be(busy: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="never overwritten"):
        rescue(busy, busy)
    (tmp_path / "text").write_text("no database")
    with pytest.raises(StoreError, match="is damaged"):
        rescue(tmp_path / "text", tmp_path / "saved.sqlite")
    with pytest.raises(StoreError, match="there is no"):
        rescue(tmp_path / "none", tmp_path / "saved.sqlite")
    assert not (tmp_path / "saved.sqlite").exists()
