"""A process that draws on a store until it is killed: started once, it forks a writer for every line it is told.

A line says `PATH SEED`. The writer acknowledges every operation, after the store has returned from it, by one line:
its process id, what it did and the id of the operation. When it is gone, this process says `gone`.
"""

from __future__ import annotations

import os
import random
import sys
import uuid
from pathlib import Path

import numpy as np

from annotation.records import Layer, Rect
from annotation.store import MaskStore


def main() -> None:
    for line in sys.stdin:
        path, seed = line.split()
        writer = os.fork()
        if not writer:
            _write_for_ever(Path(path), int(seed))
        os.waitpid(writer, 0)
        _say("gone")


def _write_for_ever(path: Path, seed: int) -> None:
    store = MaskStore(path)
    rng = random.Random(seed)
    _say(f"{os.getpid()} open -")
    while True:
        layer = store.layer(rng.randint(1, 3))
        what, name = _one_operation(store, layer, rng)
        _say(f"{os.getpid()} {what} {name}")


def _one_operation(store: MaskStore, layer: Layer, rng: random.Random) -> tuple[str, str]:
    name = f"{rng.getrandbits(64):016x}{uuid.uuid4().hex[:16]}"
    choice = rng.random()
    to = layer.undo if choice < 0.15 else layer.redo if choice < 0.25 else None
    if to is not None:
        store.move_head(layer.id, name, to, layer.head, "Ada")
        return "move", name
    if choice > 0.95:
        store.set_state(layer.id, "needs_review", name, layer.version, "Ada")
        return "state", name
    rect = Rect(rng.randrange(30), rng.randrange(20), 10, 10)
    values = np.full((10, 10), rng.random() < 0.7)
    store.append(layer.id, name, layer.head, "brush", "Ada", rect, values)
    return "stroke", name


def _say(line: str) -> None:
    """One line at once: not buffered, so that what is said was true before the process died."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
