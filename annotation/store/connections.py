"""Connections to one SQLite file, for any number of threads, and what their errors mean."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from annotation.store.errors import DamagedError
from million_ird.errors import StoreError

BUSY_SECONDS = 30.0
"""How long a write waits for the writes of other processes before it gives up; each of those takes milliseconds."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_FORBIDDEN = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)


class Connections:
    """A pool: every operation borrows a connection and gives it back, so that threads may come and go."""

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in one read transaction: all its queries see the same state."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in one write transaction: on the disk when the block has ended, or undone if it raised."""
        with self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def plain(self) -> Iterator[sqlite3.Connection]:
        """A connection in no transaction, for what SQLite does on its own."""
        with self._borrowed() as connection:
            yield connection

    def close(self) -> None:
        """Closes what is idle; what is still borrowed is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        with explained(self.path):
            for connection in idle:
                connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError(f"{self.path} is closed")
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time: the pool sees to it
        )
        try:
            self._write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")  # what is acknowledged survives a power cut
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                f"{self.path}: this file system cannot hold SQLite's write-ahead log (a network drive?); put the "
                "project on a local disk"
            )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors inside the block into one line that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return DamagedError(f"{path} is damaged ({error}): restore it from a backup, see docs/annotation_store.md")
    if code in _LOCKED:
        return StoreError(f"{path} is locked by another program: close it, then try again")
    if code == sqlite3.SQLITE_FULL or _is_full(path, code):
        return StoreError(f"{path}: the disk is full; nothing of this change was stored: free some space and try again")
    if code in _FORBIDDEN and not path.exists() and os.access(path.parent, os.W_OK):
        return StoreError(f"there is no {path}: is this the folder of a project?")
    if code in _FORBIDDEN:
        return StoreError(
            f"{path} cannot be written: it or its folder is read-only; change the permissions, or copy the project's "
            "folder to where you may write"
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(f"{path}: the disk reports an error ({error}); nothing of this change was stored")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreError(f"{path} refuses the change: {error}")
    return StoreError(f"{path}: {error}")


def _is_full(path: Path, code: int) -> bool:
    """Whether an unnamed input/output error is one of space: SQLite's own files beside the store fail that way."""
    if code not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    try:
        space = os.statvfs(path.parent)
    except OSError:
        return False
    return space.f_bavail * space.f_frsize < 65_536
