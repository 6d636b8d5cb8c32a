"""The server is killed while somebody draws: what was accepted is there, and what was not comes later."""

from __future__ import annotations

import random
import time
from urllib.parse import parse_qs, urlsplit

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
    accepted: set[str] = set()
    page.page.on("response", lambda answer: answer.status == 201 and accepted.add(revision_of(answer.url)))
    page.brush(16)
    fatal = chance.randrange(1, STROKES)
    try:
        for n in range(STROKES):
            x, y = chance.uniform(20, WIDTH - 20), chance.uniform(20, HEIGHT - 20)
            page.drag([(x, y), (x + 8, y + 8)], steps=2)
            if n == fatal:
                time.sleep(chance.uniform(0, 0.03))  # what is tried: before, while and after it is stored
                server.kill()
                assert accepted <= stored(server, page.item["id"])
    finally:
        server.start()
    page.saved()
    assert page.same(page.canvas_mask())
    assert accepted <= stored(server, page.item["id"])
    assert len(page.api.history(page.item["id"])) == STROKES + 1


def revision_of(url: str) -> str:
    """Which revision an upload's address names."""
    return parse_qs(urlsplit(url).query)["revision"][0]


def stored(server: AnnotationServer, item: int) -> set[str]:
    """The revisions in the store, which opens whatever happened to the server; every mask can be read."""
    with open_project(server.project) as project:
        layer = project.store.layers(item)[0]
        revisions = [revision.id for revision in project.store.history(layer.id)]
        for revision in revisions:
            project.store.mask(layer.id, revision)
        return set(revisions)
