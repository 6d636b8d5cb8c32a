"""A headless Chromium, a project of made-up pairs, and the real server that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.annotation.browser.chromium import ARGUMENTS, find_chromium, why_not
from tests.annotation.browser.pictures import write_pair
from tests.annotation.browser.server import AnnotationServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAIRS = 14
WIDTH, HEIGHT = 320, 240


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this folder; they are skipped where there is none.

    Not for the whole session: the synchronous playwright keeps an event loop running in the thread of the tests, in
    which other folders' tests could not start theirs.
    """
    reason = why_not()
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def project(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of `PAIRS` pairs of `WIDTH`×`HEIGHT`, made by the command. (Needs the browser, so as to be skipped.)"""
    from million_ird.cli import main

    folder = tmp_path_factory.mktemp("annotation")
    for n in range(PAIRS):
        write_pair(folder / "pairs" / "s01", f"{n:02d}", WIDTH, HEIGHT, seed=n)
    assert main(["annotate", "create", str(folder / "project"), "--from", str(folder / "pairs")]) == 0
    return folder / "project"


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[AnnotationServer]:
    """The server of this module's project."""
    running = AnnotationServer(project)
    running.start()
    yield running
    running.stop()
