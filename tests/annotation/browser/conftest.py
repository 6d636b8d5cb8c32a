"""A headless Chromium, a project of made-up pairs, and the real server that shows it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.annotation.browser.chromium import ARGUMENTS, find_chromium, why_not
from tests.annotation.browser.driver import AnnotationPage, Api, Watch, prepare
from tests.annotation.browser.pictures import write_pair, write_turned
from tests.annotation.browser.server import AnnotationServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Playwright

PAIRS = 80
SCENES = 8
"""Different ones among them; drawing one takes longer than showing it."""
RESERVED = 12
"""Rows at the head of the list that `fresh()` never takes."""
WIDTH, HEIGHT = 320, 240
TURNED = "turned"
"""The name of the one item that is no pair: stored lying on its side, with the EXIF orientation that rights it."""
WINDOW = {"width": 1280, "height": 800}


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """The driver; tests are skipped where it or a browser is missing.

    Not for the whole session: the synchronous playwright keeps an event loop running in the thread of the tests, in
    which other folders' tests could not start theirs.
    """
    reason = why_not()
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One browser for all tests of this folder."""
    running = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
    yield running
    running.close()


@pytest.fixture(scope="package")
def project(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of `PAIRS` pairs of `WIDTH`×`HEIGHT`, and `TURNED`, made by the command; skipped without a browser."""
    from million_ird.cli import main

    folder = tmp_path_factory.mktemp("annotation")
    pictures = folder / "pictures"
    for n in range(PAIRS):
        if n < SCENES:
            write_pair(pictures, f"{n:02d}", WIDTH, HEIGHT, seed=n)
            continue
        for kind in ("blur", "sharp"):
            shutil.copy(
                folder / "pictures" / f"{n % SCENES:02d}_{kind}.png", folder / "pictures" / f"{n:02d}_{kind}.png"
            )
    write_turned(pictures / f"{TURNED}.jpg", WIDTH, HEIGHT)
    assert main(["annotate", "create", str(folder / "project"), "--from", str(pictures)]) == 0
    return folder / "project"


@pytest.fixture(scope="package")
def server(project: Path) -> Iterator[AnnotationServer]:
    """The server of the project. A test that kills it starts it again."""
    running = AnnotationServer(project)
    running.start()
    yield running
    running.stop()


class OpenPage:
    """Opens pages, each in a browser context of its own (its own storage, its own journal), and watches over them.

    Calling it opens an item that no other test has seen, unless one is named.
    """

    def __init__(self, browser: Browser, server: AnnotationServer, unseen: Iterator[int]) -> None:
        self.browser = browser
        self.server = server
        self.unseen = unseen
        self.opened: list[tuple[BrowserContext, Watch]] = []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The items, as the list has them."""
        return items(self.server)

    def __call__(
        self,
        item: int | None = None,
        annotator: str = "Ada",
        expected: tuple[str, ...] = (),
        touch: bool = False,
        **context: Any,
    ) -> AnnotationPage:
        """A page with an item on it.

        Args:
            item: which; None for one that nobody has seen.
            annotator: who draws.
            expected: parts of the browser's complaints that the test provokes.
            touch: has a touch screen.
            context: further settings of the browser context.
        """
        page = self.blank(annotator, expected, has_touch=touch, **context)
        page.open(next(self.unseen) if item is None else item)
        return page

    def blank(self, annotator: str = "Ada", expected: tuple[str, ...] = (), **context: Any) -> AnnotationPage:
        """A page that has not gone anywhere yet."""
        made = self.browser.new_context(**{"viewport": WINDOW, **context})
        watch = Watch(self.server.url, expected=expected)
        watch.over(made)
        prepare(made, annotator)
        self.opened.append((made, watch))
        return AnnotationPage(made.new_page(), self.server.url)

    def close(self) -> None:
        for made, _ in self.opened:
            made.close()
        for _, watch in self.opened:
            watch.check()


def items(server: AnnotationServer) -> list[dict[str, Any]]:
    """The rows of a project's list."""
    found: list[dict[str, Any]] = Api(server.url).get("/api/items?limit=200")["items"]
    return found


@pytest.fixture(scope="package")
def unseen(server: AnnotationServer) -> Iterator[int]:
    """Pairs that no test has opened, from the end of the list."""
    return iter([row["id"] for row in items(server)[:RESERVED:-1] if row["pair"]])


@pytest.fixture
def fresh(browser: Browser, server: AnnotationServer, unseen: Iterator[int]) -> Iterator[OpenPage]:
    """Opens pages; at the end no page may have complained, or asked anybody but its server."""
    pages = OpenPage(browser, server, unseen)
    yield pages
    pages.close()
