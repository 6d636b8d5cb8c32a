"""Two processes, and many threads, on one layer at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from annotation.records import Rect
from annotation.store import ConflictError, MaskStore
from tests.annotation.store.strokes import SPOT, draw, new_id

_ROOT = Path(__file__).resolve().parents[3]
_RIVAL = """
import sys, uuid
from pathlib import Path
import numpy as np
from annotation.records import Rect
from annotation.store import ConflictError, MaskStore
store, who = MaskStore(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
for line in sys.stdin:
    name = uuid.uuid4().hex
    try:
        store.append(1, name, line.strip(), "brush", who, Rect(1, 1, 5, 5), np.ones((5, 5), np.bool_))
        print("won", name, flush=True)
    except ConflictError as error:
        print("lost", name, error.annotator, flush=True)
store.close()
"""


def test_of_two_processes_one_wins_and_both_strokes_are_stored(store: MaskStore) -> None:
    with ExitStack() as stack:
        rivals = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _RIVAL, str(store.path), who],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=_ROOT,
                )
            )
            for who in ("Ada", "Bob")
        ]
        pipes = [(rival.stdin, rival.stdout) for rival in rivals if rival.stdin and rival.stdout]
        assert [out.readline() for _, out in pipes] == ["ready\n"] * 2
        winners: Counter[int] = Counter()
        for _ in range(20):
            head = store.layer(1).head
            for to, _ in pipes:
                print(head, file=to, flush=True)
            answers = [out.readline().split() for _, out in pipes]
            assert sorted(answer[0] for answer in answers) == ["lost", "won"]
            winner = [answer[0] for answer in answers].index("won")
            winners[winner] += 1
            assert store.layer(1).head == answers[winner][1]
            assert answers[1 - winner][2] == ("Ada", "Bob")[winner]
            assert {answer[1] for answer in answers} <= {revision.id for revision in store.history(1)}
        for to, _ in pipes:
            to.close()
    assert len(store.history(1)) == 41
    assert store.verify() == []


def test_of_many_threads_one_wins_each_time_and_all_strokes_are_stored(store: MaskStore) -> None:
    start = threading.Barrier(8)

    def draw_on(parent: str, number: int) -> bool:
        start.wait()
        try:
            store.append(1, new_id(), parent, "brush", f"n{number}", SPOT, np.ones((4, 3), np.bool_))
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            parent = store.layer(1).head
            assert sum(pool.map(draw_on, [parent] * 8, range(8))) == 1
    assert len(store.history(1)) == 41
    assert store.verify() == []


def test_threads_on_different_layers_do_not_disturb_each_other(store: MaskStore) -> None:
    def work(layer: int) -> int:
        return sum(draw(store, layer, Rect(x, layer, 1, 1), f"n{layer}").area == x + 1 for x in range(15))

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, (1, 2, 3))) == [15, 15, 15]
    assert all({r.annotator for r in store.history(layer)} == {"", f"n{layer}"} for layer in (1, 2, 3))


def test_the_same_stroke_from_many_threads_is_stored_once(store: MaskStore) -> None:
    name, parent = new_id(), store.layer(1).head

    def send(_: int) -> str:
        return store.append(1, name, parent, "brush", "Ada", SPOT, np.ones((4, 3), np.bool_)).id

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(16))) == {name}
    assert len(store.history(1)) == 2
