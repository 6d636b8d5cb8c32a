"""The page in a headless Chromium with a server from memory: no process, no port."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.annotation.browser.chromium import ARGUMENTS, find_chromium, why_not
from tests.annotation.static_shell.fake_project import ORIGIN, FakeProject

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

    OpenShell = Callable[..., Page]

SETTINGS = "million-ird.settings"
EXPECTED = ("Failed to load resource",)
"""What the browser itself says about an answer that is no success; tests provoke some."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def shell(browser: Browser) -> Iterator[OpenShell]:
    """Opens the page of a fake project; at the end it must not have complained."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in EXPECTED):
            complaints.append(message.text)

    def opened(project: FakeProject, address: str = "/", annotator: str = "Ada", **settings: Any) -> Page:
        context = browser.new_context(viewport=settings.pop("viewport", {"width": 1280, "height": 800}), **settings)
        contexts.append(context)
        context.set_default_timeout(10_000)
        context.on("console", hear)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        kept = json.dumps({"annotator": annotator})
        keep = f"localStorage.getItem('{SETTINGS}') ?? localStorage.setItem('{SETTINGS}', '{kept}')"
        context.add_init_script(f"if (location.protocol === 'http:') {keep}")
        page = context.new_page()
        page.route(f"{ORIGIN}/**", project.serve)
        page.goto(ORIGIN + address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
