"""Two pages of one person and a network that fails at random: in the end both show what the server has."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.annotation.static.desk import Desk, Seat

if TYPE_CHECKING:
    from playwright.sync_api import Route

STEPS = 14
PATIENCE = 40.0


class Network:
    """Lets a request through, loses it, loses its answer, or answers 503: at random while `failing`."""

    def __init__(self, desk: Desk, chance: random.Random) -> None:
        self.failing = False
        self._chance = chance
        for path in ("revisions?*", "head"):
            desk.context.route(f"**/api/layers/*/{path}", self._answer)

    def _answer(self, route: Route) -> None:
        fate = self._chance.choice(["through", "lost", "answer lost", "503"]) if self.failing else "through"
        if fate == "through":
            route.continue_()
        elif fate == "503":
            route.fulfill(status=503, body="busy")
        else:
            if fate == "answer lost":
                route.fetch()
            route.abort()


@pytest.mark.parametrize("seed", range(2))
def test_two_pages_end_with_what_the_server_has(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    network = Network(desk, chance)
    seats = [desk.sit(), desk.sit()]
    network.failing = True
    strokes = sum(_step(desk, seats, chance) for _ in range(STEPS))
    network.failing = False
    for seat in seats:
        seat.do("retry()")
    _until_agreed(desk, seats)
    assert desk.kinds().count("brush") == strokes


def _step(desk: Desk, seats: list[Seat], chance: random.Random) -> int:
    """One thing that a person does on one of the pages; 1 if it was a stroke that changed something."""
    number = chance.randrange(len(seats))
    seat, what = seats[number], chance.random()
    if what < 0.55:
        before = seat.page.evaluate("told.strokes ?? 0")
        seat.dot(chance.randrange(5, 85), chance.randrange(5, 55))
        return int(seat.page.evaluate("told.strokes ?? 0") - before)
    if what < 0.85:
        seat.page.evaluate(f"() => {{ editor.{'undo' if what < 0.75 else 'redo'}(); }}")
    else:
        seat.leave()
        seats[number] = desk.sit()
    return 0


def _until_agreed(desk: Desk, seats: list[Seat]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        seats[0].page.wait_for_timeout(200)  # the routes are answered meanwhile
        heads = {seat.page.evaluate("editor.head") for seat in seats} | {desk.layer["head"]}
        states = [seat.status["state"] for seat in seats]
        agreed = len(heads) == 1 and states == ["saved"] * len(seats)
        # A page may still be about to undo, or to merge what it found beside the head: the masks are part of it.
        if agreed and all(np.array_equal(seat.shown(), desk.stored()) for seat in seats):
            return
        assert time.monotonic() < end, f"{states}, heads {heads}, history {desk.kinds()}"
