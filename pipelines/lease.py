"""One writer at a time: a lease on the output, also on an object store.

The holder creates `lease/<number>.json` (exactly one winner per number) and rewrites it at every heartbeat. Another
build that finds a lease watches it: a heartbeat means a live writer, so it says so and stops; silence for the lease's
time means a dead one, so it creates the next number and goes on. A holder that was merely asleep sees the higher number
at its next heartbeat and stops writing.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from million_ird.errors import LeaseError, StoreError
from million_ird.store import Store

_FOLDER = "lease"
_BEATS = 6
"""Heartbeats (one small write each) in the time after which a holder counts as dead."""


class Lease:
    """Held while the `with` block runs; `check()` raises `LeaseError` once the lease was lost.

    Args:
        store: the output.
        expires_s: seconds of silence after which a holder counts as dead.
        say: tells a person that, and why, this takes a while.
    """

    def __init__(self, store: Store, expires_s: float, say: Callable[[str], None]) -> None:
        self._store, self._say = store, say
        self._expires_s, self._heartbeat_s = expires_s, expires_s / _BEATS
        self._number = 0
        self._beat = 0
        self._lost = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        while True:
            held = self._highest()
            if held and not self._await_silence(held):
                raise LeaseError(
                    f"another build is writing to {self._store.url} ({self._owner(held)}); wait for it, or stop it. "
                    f"If it is dead, its lease ends by itself after {self._expires_s:.0f} s."
                )
            self._number = held + 1
            if self._store.create(self._name(self._number), self._content()):
                break
        for name in self._store.list(_FOLDER):
            if name < self._name(self._number):
                self._store.remove(name)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if not self._lost.is_set() and self._highest() == self._number:
            self._store.remove(self._name(self._number))
            if self._store.is_local:
                _remove_empty(self._store.path(_FOLDER))

    def check(self) -> None:
        if self._lost.is_set():
            raise LeaseError(f"another build took over {self._store.url} while this one was not responding; stopping")

    def _name(self, number: int) -> str:
        return f"{_FOLDER}/{number:09d}.json"

    def _content(self) -> bytes:
        self._beat += 1
        me = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
        return json.dumps({**me, "beat": self._beat}).encode()

    def _highest(self) -> int:
        names = [name for name in self._store.list(_FOLDER) if name.endswith(".json")]
        return int(names[-1].removeprefix(f"{_FOLDER}/").removesuffix(".json")) if names else 0

    def _read(self, number: int) -> bytes | None:
        try:
            return self._store.read(self._name(number))
        except FileNotFoundError:
            return None

    def _owner(self, number: int) -> str:
        content = json.loads(self._read(number) or b"{}")
        return f"process {content.get('pid', '?')} on {content.get('host', '?')}"

    def _await_silence(self, number: int) -> bool:
        """True once the lease is free: its holder is dead, or gave it back. False at the first sign of life."""
        first = self._read(number)
        if first is None:
            return True
        content = json.loads(first)
        if self._store.is_local and content["host"] == socket.gethostname():
            return bool(_started(content["pid"]) != content["started"])
        self._say(f"a lease of {self._owner(number)} stands; waiting up to {self._expires_s:.0f} s for life")
        deadline = time.monotonic() + self._expires_s
        while time.monotonic() < deadline:
            time.sleep(min(1.0, self._heartbeat_s / 2))
            now = self._read(number)
            if now is None:
                return True
            if now != first:
                return False
        return True

    def _keep(self) -> None:
        while not self._stop.wait(self._heartbeat_s):
            try:
                if self._highest() != self._number:
                    self._lost.set()
                    return
                self._store.write(self._name(self._number), self._content())
            except (OSError, StoreError):
                continue  # a store that hiccups: the next heartbeat tries again, well before the lease expires


def _started(pid: int) -> float:
    """When a process of this machine began (seconds since 1970), so that a reused id is told apart; 0 if it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return 0.0


def _remove_empty(folder: str) -> None:
    try:
        Path(folder).rmdir()
    except OSError:
        return  # someone else's lease is in it
