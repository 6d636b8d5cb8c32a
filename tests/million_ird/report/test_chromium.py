"""The page in a real browser: silent, self-sufficient, and in one piece on a desk and on a phone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from million_ird.report import HostErrors, LogSummary, StepLog, write_report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip

OVERLAPS = """
[...document.querySelectorAll('svg.chart')].flatMap(chart => {
  const frame = chart.getBoundingClientRect();
  const boxes = [...chart.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  const outside = boxes.filter(([, b]) => b.left < frame.left - 1 || b.right > frame.right + 1);
  const touch = (a, b) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  const pairs = boxes.flatMap(([t, a], i) =>
    boxes.slice(i + 1).filter(([, b]) => touch(a, b)).map(([u]) => t + ' on ' + u));
  return outside.map(([t]) => 'outside: ' + t).concat(pairs);
})
"""
SPILLS = """
[...document.querySelectorAll('main *')].filter(e =>
  !e.closest('.frame') && !e.closest('.band') &&
  e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.tagName + ' ' + e.className)
"""
CUT_NUMBERS = """
[...document.querySelectorAll('.figures dd, .stage .count, .small td')]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)
"""
NAMELESS = """
[...document.querySelectorAll('img:not([alt]), svg:not([aria-label]), table:not(:has(caption))')]
  .map(e => e.outerHTML.slice(0, 80))
"""


class Browser:
    """A headless Chromium spoken to over two pipes: no port, nothing left behind."""

    def __init__(self, program: str, profile: Path) -> None:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        wired = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", wired, "chromium", program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), **quiet)  # type: ignore[call-overload]
        os.close(theirs_in)
        os.close(theirs_out)
        self._waiting, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        pages = [t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self._session = self.ask("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": arguments}
        os.write(
            self._out, json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path, width: int, dark: bool = False) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while not self.named("Page.loadEventFired"):
            self.events.append(self._read())

    def named(self, *methods: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") in methods]

    def value(self, expression: str) -> Any:
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def close(self) -> None:
        os.close(self._out)  # Chromium ends when its pipe does
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            more = os.read(self._in, 1 << 16)
            assert more, "Chromium ended early"
            self._waiting += more
        message, self._waiting = self._waiting.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(message)
        return answer


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = [path for path in map(shutil.which, NAMES) if path]
    if not found or not shutil.which("bash"):
        pytest.skip("no Chromium on this machine: the page was not looked at in a browser")
    browser = Browser(found[0], tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def page(dataset: Callable[..., Any], made: Callable[..., Any], rows: Any, tmp_path: Path) -> Path:
    """A report with every kind of section, long and foreign names, and large numbers."""
    images = [
        rows.image(
            n, license="𝔘𝔫𝔟𝔢𝔨𝔞𝔫𝔫𝔱 " * 40, source="x" * 3000, width=60_000, height=40_000, thumbnail=rows.photograph(n)
        )
        for n in range(40)
    ]
    images += [rows.rejected(100 + n, "screen", "blockiness_high", blockiness=31.0 + n, measured=31.0 + n,
                             thumbnail=rows.photograph(n, 150, 20 + n)) for n in range(12)]  # fmt: skip
    images += [rows.rejected(200 + n, "fetch", "e" * 300, host=f"{'例え' * 30}{n}.example") for n in range(40)]
    patches = [rows.patch(images[n], 0, size=10**12, thumbnail=rows.photograph(n)) for n in range(40)]
    log = LogSummary((StepLog("fetch", 1e6, 2e6, 10**9, 10**15, 10**15),), (HostErrors("h" * 300, "timeout", 10**9),))
    recipe = {"section": {"k" * 200: "v" * 500}}
    write_report(made(images, patches, log=log, recipe=recipe, name="Datensatz " * 12), tmp_path / "report")
    write_report(dataset(log=log), tmp_path / "usual")
    return tmp_path / "report/index.html"


@pytest.mark.parametrize("which", ["report", "usual"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_page_is_whole(browser: Browser, page: Path, which: str, width: int, dark: bool) -> None:
    page = page.parents[1] / which / "index.html"
    browser.open(page, width, dark)
    assert not browser.named("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    asked = [event["request"]["url"] for event in browser.named("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(SPILLS) == []
    assert browser.value(OVERLAPS) == []
    assert browser.value(CUT_NUMBERS) == []
    assert browser.value(NAMELESS) == []
    assert browser.value(
        "[...document.images].every(i => i.complete && i.naturalWidth > 0) && document.images.length > 20"
    )


def test_light_and_dark_differ_and_paper_is_light(browser: Browser, page: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    browser.open(page, 1280)
    light = browser.value(colour)
    browser.open(page, 1280, dark=True)
    dark = browser.value(colour)
    browser.ask(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    printed = browser.value(colour)
    browser.ask("Emulation.setEmulatedMedia", media="")
    assert len({light, dark, printed}) == 3 and printed == "rgb(255, 255, 255)"


def test_the_checks_can_fail(browser: Browser, page: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.html"
    wide = '<p style="width:600px"><img src="http://localhost:9/x.png"></p></main>'
    two = '<svg class="chart"><text x="5" y="20">one</text><text x="9" y="20">two</text></svg></main>'
    spoiled.write_text(page.read_text("utf-8").replace("</main>", wide).replace("</main>", two), "utf-8")
    browser.open(spoiled, 390)
    assert browser.named("Log.entryAdded"), "the content security policy stops the picture, and says so"
    assert browser.value(SPILLS) and browser.value(OVERLAPS) and browser.value(NAMELESS)
