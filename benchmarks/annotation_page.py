"""How long does a stroke hold up the annotation page, and how soon is a long project there?

    python benchmarks/annotation_page.py [--only strokes|project] [--items 10000]

Strokes: real pointer events, sent through Chromium's debugging protocol to the real page and server, on a picture of
2152×1436 pixels. Timed is every handler that the page has for them (pointer handler: all listeners of one event
together) and every animation frame that paints, since a frame that takes long delays the next event as well. The bound
is one frame of a 60 Hz screen: 16 ms.

Project: a project of 10,000 items, from typing the address to the first rows and the first picture; then to the next
item, and what the list cost to get there. The bound is one second.

The browser is headless and paints without a GPU, which is slower than any screen that a person uses.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from machine import describe
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from million_ird.cli import main as million_ird
from tests.annotation.browser.chromium import ARGUMENTS, find_chromium, why_not
from tests.annotation.browser.driver import AnnotationPage, prepare
from tests.annotation.browser.pictures import write_pair
from tests.annotation.browser.server import AnnotationServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTH, HEIGHT = 2152, 1436

# Runs before the page's own scripts and times every listener of pointer events and every animation frame. The page is
# measured from outside, so nothing in it is there for the benchmark.
STOPWATCH = """
(() => {
  const times = {pointer: [], frame: []};
  window.stopwatch = times;
  const own = EventTarget.prototype.addEventListener;
  const remove = EventTarget.prototype.removeEventListener;
  const wrapped = new WeakMap();
  let current = null;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    if (!/^pointer(down|move|up|rawupdate)$/.test(type) || !listener) return own.call(this, type, listener, options);
    const timed = wrapped.get(listener) ?? function (event) {
      const began = performance.now();
      try { return listener.handleEvent ? listener.handleEvent(event) : listener.call(this, event); }
      finally {
        const spent = performance.now() - began;
        if (current === event) times.pointer[times.pointer.length - 1].ms += spent;
        else times.pointer.push({type, ms: spent});
        current = event;
      }
    };
    wrapped.set(listener, timed);
    return own.call(this, type, timed, options);
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    return remove.call(this, type, (listener && wrapped.get(listener)) ?? listener, options);
  };
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (paint) => request((at) => {
    const began = performance.now();
    try { paint(at); } finally { times.frame.push(performance.now() - began); }
  });
})();
"""


def percentiles(values: list[float]) -> str:
    """p50, p95, p99 and the largest, in milliseconds."""
    if not values:
        return f"{'-':>8}" * 4
    return "".join(f"{value:8.1f}" for value in [*np.percentile(values, (50, 95, 99)), max(values)])


def spiral(turns: float, points: int) -> list[tuple[float, float]]:
    """A path over most of the picture, in image pixels: fast hands, far apart points."""
    angle = np.linspace(0, turns * 2 * np.pi, points)
    reach = np.linspace(0.15, 0.42, points)
    xs, ys = WIDTH * (0.5 + reach * np.cos(angle)), HEIGHT * (0.5 + reach * np.sin(angle))
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def measured(page: AnnotationPage, name: str, work: Callable[[], None]) -> None:
    """Prints what the handlers and frames of one kind of work took."""
    page.saved()
    page.page.evaluate("stopwatch.pointer.length = stopwatch.frame.length = 0")
    began = time.perf_counter()
    work()
    page.frames()
    wall = time.perf_counter() - began
    times = page.page.evaluate("stopwatch")
    page.saved()
    handlers = [entry["ms"] for entry in times["pointer"]]
    late = sum(ms > 16 for ms in handlers)
    print(f"{name:<28}{len(handlers):>7}{percentiles(handlers)}{late:>6}  {percentiles(times['frame'])}{wall:>7.1f}")


def strokes(browser: Browser, folder: Path) -> None:
    """Every tool on a picture of 2152×1436."""
    write_pair(folder / "pair", "photo", WIDTH, HEIGHT, seed=1)
    million_ird(["annotate", "create", str(folder / "large"), "--from", str(folder / "pair")])
    server = AnnotationServer(folder / "large")
    server.start()
    try:
        context = browser.new_context(viewport={"width": 1600, "height": 1000})
        prepare(context)
        context.add_init_script(STOPWATCH)
        page = AnnotationPage(context.new_page(), server.url)
        page.open(1)
        print(f"\n{WIDTH}×{HEIGHT}, milliseconds of all listeners of one pointer event | of one frame | seconds in all")
        head = "".join(f"{word:>8}" for word in ("p50", "p95", "p99", "max"))
        print(f"{'':<28}{'events':>7}{head}{'> 16':>6}  {head}{'wall':>7}")
        _tools(page)
        context.close()
    finally:
        server.stop()


def _tools(page: AnnotationPage) -> None:
    def swirl(count: int) -> None:
        for n in range(count):
            page.drag(spiral(1 + n % 3, 40), steps=2)

    for size in (5, 32, 100, 200):
        page.brush(size)
        measured(page, f"brush, {size} pixels wide", lambda: swirl(6))
    page.press("e")
    measured(page, "eraser, 200 pixels wide", lambda: swirl(6))
    page.brush(100)
    page.slide("Hardness", 0)
    measured(page, "brush, 100 wide, softest", lambda: swirl(6))
    page.press("p")

    def polygon() -> None:
        for corner in spiral(1, 24):
            page.click(*corner)
        page.press("Enter")

    measured(page, "polygon of 24 corners", polygon)
    page.press("f")
    measured(page, "fill, most of the picture", lambda: [page.click(20, 20) for _ in range(6)] and None)
    page.press("b")
    page.press("+", "+", "+", "+", "+", "+", "+", "+", "+", "+")
    page.brush(32)
    box = page.stage_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def close() -> None:
        for n in range(6):
            page.page.mouse.move(middle[0] - 300, middle[1] - 100)
            page.page.mouse.down()
            for step in range(80):
                page.page.mouse.move(middle[0] - 300 + 7 * step, middle[1] - 100 + 30 * np.sin(step / 3 + n))
            page.page.mouse.up()

    measured(page, "brush, 32 wide, enlarged", close)


def tiny_pictures(folder: Path, count: int) -> None:
    """`count` different pictures of 64×48 pixels."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for n in range(count):
        pixels = np.kron(random.integers(0, 255, (3, 4, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))
        Image.fromarray(pixels).save(folder / f"{n:05d}.png", compress_level=1)


def project(browser: Browser, folder: Path, items: int) -> None:
    """A long project: the first page, and the way from one item to the next."""
    tiny_pictures(folder / "tiny", items)
    began = time.perf_counter()
    million_ird(["annotate", "create", str(folder / "long"), "--from", str(folder / "tiny")])
    print(f"\nproject of {items:,} items: created in {time.perf_counter() - began:.1f} s")
    server = AnnotationServer(folder / "long")
    began = time.perf_counter()
    server.start()
    print(f"server ready after {time.perf_counter() - began:.2f} s")
    try:
        rows = {"first rows of the list": [], "first item can be drawn on": [], "next item can be drawn on": []}
        lists: list[int] = []
        for _ in range(5):
            _visit(browser, server.url, rows, lists)
        print(f"{'milliseconds':<28}{'median':>8}{'max':>8}")
        for name, values in rows.items():
            print(f"{name:<28}{np.median(values):>8.0f}{max(values):>8.0f}")
        print(f"requests for the list while going on by ten items: {max(lists)}")
    finally:
        server.stop()


def _visit(browser: Browser, url: str, rows: dict[str, list[float]], lists: list[int]) -> None:
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    prepare(context)
    page = AnnotationPage(context.new_page(), url)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    began = time.perf_counter()
    page.page.goto(f"{url}/#item=5000", wait_until="commit")
    page.page.locator("#queue [role=option] .name").first.wait_for()
    rows["first rows of the list"].append(1000 * (time.perf_counter() - began))
    page.await_item(5000)
    rows["first item can be drawn on"].append(1000 * (time.perf_counter() - began))
    asked.clear()
    for n in range(10):
        began = time.perf_counter()
        page.press("j")
        page.await_item(5001 + n)
        rows["next item can be drawn on"].append(1000 * (time.perf_counter() - began))
    lists.append(sum("/api/items?" in request for request in asked))
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("strokes", "project"), help="one of the two questions")
    parser.add_argument("--items", type=int, default=10_000, help="length of the project")
    arguments = parser.parse_args()
    reason = why_not()
    if reason:
        raise SystemExit(reason)
    from playwright.sync_api import sync_playwright

    print(describe())
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        if arguments.only != "project":
            strokes(browser, Path(folder))
        if arguments.only != "strokes":
            project(browser, Path(folder), arguments.items)
        browser.close()


if __name__ == "__main__":
    main()
