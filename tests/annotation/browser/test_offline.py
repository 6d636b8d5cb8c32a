"""Nothing drawn is lost: no network, a dead server, a reload or a closed tab in between."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.annotation.browser.chromium import ARGUMENTS, find_chromium
from tests.annotation.browser.conftest import WINDOW, OpenPage
from tests.annotation.browser.driver import AnnotationPage, prepare
from tests.annotation.browser.server import AnnotationServer
from tests.annotation.browser.shapes import Mask

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

LOST = (
    "ERR_INTERNET_DISCONNECTED",
    "ERR_FAILED",
    "ERR_CONNECTION",
    "Failed to fetch",
    "ERR_EMPTY_RESPONSE",
    "ERR_SOCKET",
)
"""What the browser itself writes to the console when it cannot reach the server."""


def dots(page: AnnotationPage, *columns: float) -> Mask:
    """Clicks with a brush of 24 pixels in the row 100.5."""
    return np.logical_or.reduce([page.dot(column, 100.5, 24) for column in columns])


def test_strokes_wait_for_the_network_and_say_so(fresh: OpenPage) -> None:
    page = fresh(expected=LOST)
    page.brush(24)
    page.click(40.5, 100.5)
    page.saved()
    page.page.context.set_offline(True)
    page.click(100.5, 100.5)
    page.click(160.5, 100.5)
    page.press("z")
    page.click(220.5, 100.5)
    page.offline()
    assert (page.canvas_mask() == dots(page, 40.5, 100.5, 220.5)).all()
    assert (page.server_mask() == dots(page, 40.5)).all()
    page.page.context.set_offline(False)
    page.saved()
    assert (page.server_mask() == dots(page, 40.5, 100.5, 220.5)).all()
    assert len(page.api.history(page.item["id"])) == 5  # the one that was undone, too


def test_a_server_that_died_gets_what_was_drawn_meanwhile(fresh: OpenPage, server: AnnotationServer) -> None:
    page = fresh(expected=LOST)
    page.brush(24)
    page.click(40.5, 100.5)
    page.saved()
    server.kill()
    try:
        page.click(100.5, 100.5)
        page.offline()
    finally:
        server.start()
    page.saved()
    assert (page.server_mask() == dots(page, 40.5, 100.5)).all()


def test_a_reload_keeps_what_was_not_sent(fresh: OpenPage, server: AnnotationServer) -> None:
    page = fresh(expected=LOST)
    page.brush(24)
    page.page.route("**/api/layers/*/revisions*", lambda route: route.abort())
    page.click(100.5, 100.5)
    page.click(160.5, 100.5)
    page.offline()
    page.page.reload()
    page.await_item(page.item["id"])
    assert (page.canvas_mask() == dots(page, 100.5, 160.5)).all()
    assert not page.server_mask().any()
    page.page.unroute_all()
    page.saved()
    assert (page.server_mask() == dots(page, 100.5, 160.5)).all()


def test_a_closed_browser_sends_it_when_the_page_is_opened_again(
    fresh: OpenPage, playwright: Playwright, tmp_path: Path
) -> None:
    item = next(fresh.unseen)

    def open_browser() -> AnnotationPage:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=find_chromium(), args=list(ARGUMENTS), viewport=WINDOW
        )
        prepare(context)
        return AnnotationPage(context.pages[0], fresh.server.url)

    first = open_browser()
    first.open(item)
    first.brush(24)
    first.page.route("**/api/layers/*/revisions*", lambda route: route.abort())
    first.click(100.5, 100.5)
    first.offline()
    first.page.context.close()
    assert not first.server_mask().any()

    second = open_browser()
    second.open(item)
    second.saved()
    assert (second.server_mask() == dots(second, 100.5)).all()
    assert (second.canvas_mask() == dots(second, 100.5)).all()
    second.page.context.close()
