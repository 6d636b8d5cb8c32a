"""A writing process is killed at fifty seeded moments; whatever it had acknowledged is there."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from annotation.store import MaskStore

KILLS = 50
_ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def _writers() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.annotation.store.writer"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as writers:
        try:
            yield writers
        finally:
            assert writers.stdin is not None
            writers.stdin.close()
            writers.wait(30)


def _run_and_kill(writers: subprocess.Popen[str], store: Path, seed: int) -> list[tuple[str, str]]:
    """What a writer acknowledged before it was killed at a moment that the seed chose."""
    assert writers.stdin is not None
    assert writers.stdout is not None
    rng = random.Random(seed)
    print(store, seed, file=writers.stdin, flush=True)
    acknowledged: list[tuple[str, str]] = []
    wanted = rng.randrange(12)
    for line in writers.stdout:
        process, what, name = line.split()
        acknowledged.append((what, name))
        if len(acknowledged) > wanted:
            time.sleep(rng.random() * 0.006)  # about one operation, so that any point of it may be the last
            os.kill(int(process), signal.SIGKILL)
            break
    for line in writers.stdout:
        if line == "gone\n":
            break
        _, what, name = line.split()
        acknowledged.append((what, name))
    return [(what, name) for what, name in acknowledged if what != "open"]


def _stored(path: Path) -> dict[str, set[str]]:
    """Ids of the operations that a store has, read without any code of ours."""
    queries = {
        "stroke": "SELECT id FROM revision",
        "move": "SELECT id FROM move WHERE how != 'stroke'",
        "state": "SELECT reason FROM state_change",
    }
    with closing(sqlite3.connect(path)) as connection:
        return {what: {name for (name,) in connection.execute(query)} for what, query in queries.items()}


def test_no_acknowledged_operation_is_lost_in_fifty_kills(store: MaskStore) -> None:
    acknowledged: list[tuple[str, str]] = []
    store.close()
    with _writers() as writers:
        for seed in range(KILLS):
            fresh = _run_and_kill(writers, store.path, seed)
            acknowledged += fresh
            opened = MaskStore(store.path)
            histories = {revision.id for layer in (1, 2, 3) for revision in opened.history(layer)}
            assert {name for what, name in fresh if what == "stroke"} <= histories
            if seed % 10 == 9:
                assert opened.verify() == []  # every mask decodes and fits its checksum and its area
            opened.close()
    stored = _stored(store.path)
    assert all(name in stored[what] for what, name in acknowledged)
    assert {what for what, _ in acknowledged} == {"stroke", "move", "state"}
    assert len(acknowledged) >= 5 * KILLS


def test_a_kill_can_lose_only_what_was_not_acknowledged(store: MaskStore) -> None:
    """A store holds at most one operation more than were acknowledged: the one at which the process died."""
    store.close()
    with _writers() as writers:
        acknowledged = _run_and_kill(writers, store.path, 1000)
    opened = MaskStore(store.path)
    strokes = sum(len(opened.history(layer)) - 1 for layer in (1, 2, 3))
    assert strokes - sum(what == "stroke" for what, _ in acknowledged) in (0, 1)
    opened.close()
