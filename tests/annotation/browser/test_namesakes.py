"""Two projects of one name, one after the other at the same address: what was drawn in one is for that one alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.annotation.browser.conftest import HEIGHT, WIDTH, OpenPage
from tests.annotation.browser.driver import AnnotationPage
from tests.annotation.browser.pictures import write_pair
from tests.annotation.browser.server import AnnotationServer
from tests.annotation.browser.test_offline import LOST, dots

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

ITEM = 1
REFUSED = ("412",)
"""The browser notes every answer that is no success."""


class Address:
    """One address, at which one of two projects of the same name is served; and pages of one browser on it."""

    def __init__(self, server: AnnotationServer, projects: tuple[Path, Path], pages: OpenPage) -> None:
        self.server = server
        self.first, self.second = projects
        self._pages = pages

    def open(self, beside: AnnotationPage | None = None) -> AnnotationPage:
        """A page with the item on it; the first of a browser, or another one of the same."""
        if beside is None:
            return self._pages(ITEM, expected=(*LOST, *REFUSED))
        page = AnnotationPage(beside.page.context.new_page(), self.server.url)
        page.open(ITEM)
        return page

    def serve(self, project: Path) -> None:
        self.server.stop()
        self.server.project = project
        self.server.start()


@pytest.fixture
def address(browser: Browser, tmp_path: Path) -> Iterator[Address]:
    from million_ird.cli import main

    write_pair(tmp_path / "pictures", "walk", WIDTH, HEIGHT, seed=1)
    projects = tmp_path / "first", tmp_path / "second"
    for project in projects:
        assert main(["annotate", "create", str(project), "--from", str(tmp_path / "pictures"), "--name", "Walks"]) == 0
    server = AnnotationServer(projects[0])
    server.start()
    pages = OpenPage(browser, server, iter(()))
    try:
        yield Address(server, projects, pages)
        pages.close()
    finally:
        server.stop()


def test_what_one_left_unsent_is_not_offered_to_the_other(address: Address) -> None:
    page = address.open()
    context = page.page.context
    page.brush(24)
    page.click(40.5, 100.5)
    page.saved()
    address.server.stop()
    page.click(100.5, 100.5)
    page.click(160.5, 100.5)
    page.offline()
    drawn = dots(page, 40.5, 100.5, 160.5)
    blank = context.new_page()
    page.page.close()

    address.serve(address.second)
    posted: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            posted.append(request.url)

    context.on("request", note)
    other = AnnotationPage(blank, address.server.url)
    other.open(ITEM)
    other.saved()
    assert not other.canvas_mask().any() and not posted
    other.brush(24)
    other.click(220.5, 100.5)
    other.saved()
    assert len(posted) == 1 and other.same(dots(other, 220.5))

    address.serve(address.first)
    again = address.open(beside=other)
    again.saved()
    assert again.same(drawn)
    assert [revision["kind"] for revision in again.api.history(ITEM)] == ["brush", "brush", "brush", "empty"]


def test_a_page_that_stays_open_waits_for_its_own_project(address: Address) -> None:
    page = address.open()
    page.brush(24)
    address.server.stop()
    page.click(100.5, 100.5)
    page.offline()
    with page.page.expect_response(lambda answer: answer.status == 412 and "/revisions?" in answer.url):
        address.serve(address.second)
    page.offline()
    assert not page.server_mask().any() and len(page.api.history(ITEM)) == 1
    address.serve(address.first)
    page.page.evaluate("dispatchEvent(new Event('online'))")
    page.saved()
    assert page.same(dots(page, 100.5))
