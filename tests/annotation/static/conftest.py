"""A headless Chromium that runs the editor's modules: alone on an empty page, or before the real server."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.annotation.browser.chromium import ARGUMENTS, find_chromium, why_not
from tests.annotation.browser.pictures import write_pair
from tests.annotation.browser.server import AnnotationServer
from tests.annotation.static.desk import Desk

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

STATIC = Path(__file__).resolve().parents[3] / "annotation" / "static"
ORIGIN = "http://engine.invalid"
ITEMS = 32
WIDTH, HEIGHT = 90, 60


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this folder."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield running
        running.close()


class Modules:
    """Runs lines of JavaScript that import the engine's modules. Masks go in and come out as arrays."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def run(self, body: str, **names: Any) -> Any:
        """The value that an async function with this body returns; `names` are its variables."""
        given = {name: _to_page(value) for name, value in names.items()}
        return self.page.evaluate(
            f"async (given) => {{ const {{{', '.join(names)}}} = await take(given); {body} }}", given
        )

    def mask(self, body: str, width: int, height: int, **names: Any) -> npt.NDArray[np.bool_]:
        """What a body leaves in its variable `mask`, a MaskRaster that begins empty or as `start` says."""
        names = {"start": np.zeros((height, width), bool), **names}
        text = self.run(
            "const {MaskRaster} = await import('/engine/mask.js');"
            f"const mask = new MaskRaster({width}, {height}); mask.replace(start); {body}; return give(mask.data);",
            **names,
        )
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width).astype(bool)


def _to_page(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.astype(np.uint8).tobytes()
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


_EXCHANGE = """
window.give = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
window.take = (given) => Object.fromEntries(Object.entries(given).map(([name, value]) =>
  [name, value?.base64 !== undefined ? Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0)) : value]));
"""


@pytest.fixture(scope="package")
def modules(browser: Browser) -> Iterator[Modules]:
    """The engine's modules on an empty page, without any server; not a secure context, as over plain http."""
    context = browser.new_context()
    context.add_init_script(_EXCHANGE)
    context.route(f"{ORIGIN}/**", _from_disk)
    page = context.new_page()
    page.goto(f"{ORIGIN}/")
    yield Modules(page)
    context.close()


def _from_disk(route: Route) -> None:
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name:
        route.fulfill(body=(STATIC / name).read_text(), content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html><title>modules</title>", content_type="text/html")


@pytest.fixture(scope="package")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnnotationServer]:
    """The real server over `ITEMS` pairs. (Needs the browser, so as to be skipped with it.)"""
    from million_ird.cli import main

    folder = tmp_path_factory.mktemp("engine")
    for n in range(ITEMS):
        write_pair(folder / "pairs" / "s01", f"{n:02d}", WIDTH, HEIGHT, seed=n)
    assert main(["annotate", "create", str(folder / "project"), "--from", str(folder / "pairs")]) == 0
    running = AnnotationServer(folder / "project")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def _numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def desk(browser: Browser, server: AnnotationServer, _numbers: Iterator[int]) -> Iterator[Desk]:
    """An item that nobody has drawn on, and pages of one browser to draw on it with."""
    made = Desk(browser.new_context(viewport={"width": 400, "height": 300}), server.url, next(_numbers))
    yield made
    made.close()
