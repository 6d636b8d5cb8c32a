"""A full disk, a lock, a read-only folder: one clear line each, and nothing half stored."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from annotation.records import Rect
from annotation.store import MaskStore
from million_ird.errors import StoreError
from tests.annotation.store.strokes import draw

_ROOT = Path(__file__).resolve().parents[3]


def test_a_full_store_ends_in_one_line_and_goes_on_when_there_is_room(store: MaskStore) -> None:
    with store._connections.plain() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    drawn = 0
    with pytest.raises(StoreError, match="the disk is full; nothing of this change was stored: free some space"):
        for drawn in range(1000):
            draw(store, 1, Rect(drawn % 30, 3, 5, 5))
    assert len(store.history(1)) == drawn + 1
    assert store.verify() == []
    with store._connections.plain() as connection:
        connection.execute(f"PRAGMA max_page_count = {pages + 100}")
    draw(store, 1)
    assert len(store.history(1)) == drawn + 2


_FILL = """
import sys
from pathlib import Path
from annotation.store import MaskStore
from million_ird.errors import StoreError
from tests.annotation.store.strokes import draw, small_item
store = MaskStore.create(Path(sys.argv[1]) / "masks.sqlite")
store.add_items(1, [small_item("a")])
acknowledged = 0
try:
    for acknowledged in range(10_000):
        draw(store, 1)
except StoreError as error:
    print(error)
(Path(sys.argv[1]) / "ballast").unlink()
assert len(store.history(1)) - 1 == acknowledged > 0, acknowledged
assert store.verify() == []
draw(store, 1)
store.close()
"""


def test_a_full_file_system_ends_in_one_line_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """In a file system of 400 kB in memory, part of it taken by ballast that is thrown off later."""
    script = f'mount -t tmpfs -o size=400k none "{tmp_path}" && head -c 150000 /dev/zero > "{tmp_path}/ballast"'
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "sh", "-c", script], capture_output=True).returncode:
        pytest.skip("this machine lets no test mount a small file system of its own")
    program = [*alone, "sh", "-c", f'{script} && exec "$0" -c "$1" "$2"', sys.executable, _FILL, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, cwd=_ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "the disk is full; nothing of this change was stored" in done.stdout


def test_a_store_that_another_program_holds_ends_in_one_line(store: MaskStore) -> None:
    store.close()
    impatient = MaskStore(store.path, busy_seconds=0.05)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program: close it, then try again"):
            draw(impatient, 1)
        assert impatient.layer(1).state == "todo"  # reading goes on
        other.execute("ROLLBACK")
        draw(impatient, 1)
    impatient.close()


_OPEN = """
import os, sys
from pathlib import Path
from annotation.store import MaskStore
from million_ird.errors import StoreError
if os.geteuid() == 0:  # who may write anywhere
    os.setegid(65534)
    os.seteuid(65534)
try:
    MaskStore(Path(sys.argv[1]) / "masks.sqlite")
except StoreError as error:
    print(error)
"""


def test_a_read_only_store_ends_in_one_line(store: MaskStore) -> None:
    store.close()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(store.path, folder / "masks.sqlite")
        (folder / "masks.sqlite").chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", _OPEN, name], capture_output=True, text=True, cwd=_ROOT)
        folder.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    assert "it or its folder is read-only; change the permissions" in done.stdout


def test_connections_are_used_again_and_closed(store: MaskStore) -> None:
    for _ in range(5):
        draw(store, 1)
    assert len(store._connections._idle) == 1
    store.close()
    assert store._connections._idle == []
    assert not store.path.with_name("masks.sqlite-wal").exists()
