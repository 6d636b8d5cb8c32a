"""The server dies by SIGKILL while people draw: no accepted stroke is lost, and the store opens again at once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from annotation.mask import Mask
from annotation.project import open_project
from tests.annotation.app.conftest import ALONE, SIZES
from tests.annotation.app.live import Live, fresh
from tests.annotation.app.warm import Warm, warm

_KILLS = 50


@dataclass
class Stroke:
    revision: str
    parent: str
    at: tuple[int, int]
    values: Mask
    kind: str


@dataclass
class Person:
    """Somebody who draws, and remembers what the server said."""

    random: random.Random
    head: str
    mask: Mask
    accepted: list[str] = field(default_factory=list)
    waiting: Stroke | None = None

    def draw(self, live: Live) -> None:
        """One stroke; it waits until the server has accepted it, and is sent again as it was."""
        if self.waiting is None:
            width, height = self.random.randint(1, 90), self.random.randint(1, 60)
            at = self.random.randint(0, SIZES[ALONE][0] - width), self.random.randint(0, SIZES[ALONE][1] - height)
            brushes = self.random.random() < 0.7
            values = np.full((height, width), brushes)
            self.waiting = Stroke(fresh(), self.head, at, values, "brush" if brushes else "eraser")
        stroke = self.waiting
        answer = live.stroke(ALONE, stroke.parent, stroke.at, stroke.values, revision=stroke.revision, kind=stroke.kind)
        assert answer.status_code in (200, 201), answer.text
        self.head, self.waiting = stroke.revision, None
        self.accepted.append(stroke.revision)
        x, y = stroke.at
        self.mask[y : y + stroke.values.shape[0], x : x + stroke.values.shape[1]] = stroke.values

    def draw_on(self, live: Live, acknowledged: threading.Event) -> None:
        try:
            while True:
                self.draw(live)
                acknowledged.set()
        except httpx.TransportError:
            return  # the server is dead; what it had not acknowledged waits


def test_fifty_kills_lose_no_accepted_stroke(project: Path) -> None:
    width, height = SIZES[ALONE]
    with open_project(project) as opened:
        first = opened.store.layer(ALONE).head
    person = Person(random.Random(4), first, np.zeros((height, width), np.bool_))
    unanswered = 0
    with warm() as servers:
        for number in range(_KILLS):
            with _running(servers, project) as (pid, live):
                if number:
                    _check(live, person)
                _draw_until_killed(person, live, pid)
                unanswered += person.waiting is not None
        with _running(servers, project) as (_pid, live):
            person.draw(live)
            _check(live, person)
    with open_project(project) as opened:
        assert opened.store.verify() == []
        history = [revision.id for revision in opened.store.history(ALONE)]
    assert history == [*reversed(person.accepted), first]  # each once, in the order they were drawn
    assert unanswered == _KILLS  # somebody was drawing each time
    assert len(person.accepted) > _KILLS


def _draw_until_killed(person: Person, live: Live, pid: int) -> None:
    """Draws without pause; the kill falls at a seeded moment of some stroke, before, during or after it is stored."""
    acknowledged = threading.Event()
    drawing = threading.Thread(target=person.draw_on, args=(live, acknowledged))
    drawing.start()
    assert acknowledged.wait(30)
    time.sleep(person.random.uniform(0, 0.05))
    os.kill(pid, signal.SIGKILL)
    drawing.join(30)
    assert not drawing.is_alive()


def _check(live: Live, person: Person) -> None:
    """The layer shows the last accepted stroke, or the one whose answer the kill cut off."""
    shown = live.json(f"/api/items/{ALONE}")["layers"][0]["head"]
    waiting = person.waiting
    if waiting is None or shown == person.head:
        assert shown == person.head
        assert np.array_equal(live.mask(ALONE, SIZES[ALONE]), person.mask)
    else:
        assert shown == waiting.revision
        assert np.array_equal(live.mask(ALONE, SIZES[ALONE], person.head), person.mask)


@contextmanager
def _running(servers: Warm, project: Path) -> Iterator[tuple[int, Live]]:
    pid, url = servers.start(project)
    try:
        with httpx.Client(base_url=url, headers={"Origin": url}, timeout=30, trust_env=False, verify=False) as client:
            yield pid, Live(url, client)
    finally:
        servers.end(pid)
