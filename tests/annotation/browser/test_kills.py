"""The server is killed while somebody draws: what was accepted is there, and what was not comes later."""

from __future__ import annotations

import random
import time

import pytest

from annotation.project import open_project
from tests.annotation.browser.conftest import HEIGHT, WIDTH, OpenPage
from tests.annotation.browser.server import AnnotationServer
from tests.annotation.browser.test_offline import LOST

STROKES = 6


@pytest.mark.parametrize("seed", range(4))
def test_no_stroke_is_lost_when_the_server_is_killed_in_between(
    fresh: OpenPage, server: AnnotationServer, seed: int
) -> None:
    chance = random.Random(seed)
    page = fresh(expected=LOST)
    page.brush(16)
    fatal = chance.randrange(1, STROKES)
    accepted: set[str] = set()
    for n in range(STROKES):
        place = (chance.uniform(20, WIDTH - 20), chance.uniform(20, HEIGHT - 20))
        page.drag([place, (place[0] + 8, place[1] + 8)], steps=2)
        if n == fatal:
            time.sleep(chance.uniform(0, 0.03))  # the moment is what is tried: before, while or after it is stored
            accepted = (
                {revision["id"] for revision in page.api.history(page.item["id"])} if chance.random() < 0.5 else set()
            )
            server.kill()
            with open_project(server.project) as project:  # the store opens, and holds what was accepted
                layer = project.store.layers(page.item["id"])[0]
                assert accepted <= {revision.id for revision in project.store.history(layer.id)}
                project.store.mask(layer.id)
    server.start()
    page.saved()
    assert page.same(page.canvas_mask())
    assert len(page.api.history(page.item["id"])) == STROKES + 1
