"""The page as a test handles it: pointers in image pixels, what is on the canvas, what the server has."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from annotation.mask import unpack_bits
from tests.annotation.browser.shapes import Mask, disc

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request

_SETTINGS = "million-ird.settings"

_SAMPLE = """
([layer, scale, left, top, width, height]) => {
  const canvas = document.querySelector(`canvas[data-layer=${layer}]`);
  const ratio = canvas.width / canvas.getBoundingClientRect().width;
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  const bytes = new Uint8Array(4 * width * height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i += 4) {
    const column = Math.floor((x + 0.5 - left) * scale * ratio), row = Math.floor((y + 0.5 - top) * scale * ratio);
    const at = 4 * (row * canvas.width + column);
    bytes.set(data.subarray(at, at + 4), i);
  }
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}
"""
"""What a canvas shows at the middle of every image pixel, RGBA."""

_INK = """
(layer) => {
  const canvas = document.querySelector(`canvas[data-layer=${layer}]`);
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, at) => sum + (at % 4 === 3 && value > 0), 0);
}
"""

_SLIDE = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }"


def prepare(context: BrowserContext, annotator: str = "Ada") -> None:
    """Lets pages of a context begin with a name, and wait no longer than a test may."""
    settings = json.dumps({"annotator": annotator})
    keep = f"localStorage.getItem('{_SETTINGS}') ?? localStorage.setItem('{_SETTINGS}', '{settings}')"
    context.add_init_script(f"if (location.protocol === 'http:') {keep}")
    context.set_default_timeout(30_000)


@dataclass
class View:
    """How the page should show a picture; computed here from the rule, not asked of the page."""

    scale: float
    """Screen pixels per image pixel."""
    left: float
    """Image coordinates of the stage's top left corner."""
    top: float

    @classmethod
    def fitted(cls, stage: tuple[float, float], picture: tuple[int, int]) -> View:
        scale = min(32.0, stage[0] / picture[0], stage[1] / picture[1])
        return cls(scale, (picture[0] - stage[0] / scale) / 2, (picture[1] - stage[1] / scale) / 2)

    def zoomed(self, scale: float, x: float, y: float) -> View:
        """After zooming around an image point, which stays where it is."""
        factor = self.scale / scale
        return View(scale, x - (x - self.left) * factor, y - (y - self.top) * factor)


@dataclass
class Api:
    """The server's HTTP interface, as another program would use it."""

    origin: str

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.origin + path, timeout=20) as answer:
            return json.load(answer)

    def mask(self, layer: dict[str, Any], revision: str = "") -> Mask:
        item = self.get(f"/api/items/{layer['item']}")
        query = f"?revision={revision}" if revision else ""
        with urllib.request.urlopen(f"{self.origin}/api/layers/{layer['id']}/mask{query}", timeout=20) as answer:
            return unpack_bits(answer.read(), item["width"], item["height"])

    def layer(self, item: int, number: int = 1) -> dict[str, Any]:
        layers = self.get(f"/api/items/{item}")["layers"]
        return next(layer for layer in layers if layer["number"] == number)

    def history(self, item: int, number: int = 1) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/api/layers/{self.layer(item, number)['id']}/history")["revisions"]
        return found


@dataclass
class AnnotationPage:
    """One open page."""

    page: Page
    origin: str
    view: View = field(default_factory=lambda: View(1, 0, 0))
    item: dict[str, Any] = field(default_factory=dict)

    @property
    def api(self) -> Api:
        return Api(self.origin)

    # ---- going somewhere

    def open(self, item: int, extra: str = "") -> None:
        """Opens an item by its address and waits until its mask can be drawn on."""
        self.page.goto(f"{self.origin}/#item={item}{extra}")
        self.await_item(item)

    def await_item(self, item: int) -> None:
        self.item = self.api.get(f"/api/items/{item}")
        self.page.wait_for_function("name => document.title.startsWith(name + ' · ')", arg=self.item["name"])
        self.fit()

    def fit(self) -> None:
        """Assumes the view that shows the whole picture."""
        inside = self.page.locator("#picture").evaluate("stage => [stage.clientWidth, stage.clientHeight]")
        self.view = View.fitted(inside, (self.item["width"], self.item["height"]))

    def zoom(self, around: tuple[float, float], smaller: int = 0) -> float:
        """Zooms as far as it goes around a point, and so many steps out again; returns the scale."""
        pointer = self.at(*around)
        anchor = self.image_point(pointer)
        self.page.mouse.move(*pointer)
        self.press(*["+"] * 24, *["-"] * smaller)
        scale = 32 * 0.8**smaller
        self.view = self.view.zoomed(scale, *anchor)
        self.settled(lambda: abs(self.zoom_shown() - scale) < 0.01)
        return scale

    def stage_box(self) -> Any:
        return self.page.locator("#picture").bounding_box()

    # ---- pointers, in image coordinates (a pixel's centre is at .5)

    def at(self, x: float, y: float) -> tuple[int, int]:
        """The whole screen pixel at an image point: browsers give mouse events no fractions."""
        box = self.stage_box()
        return (
            round(box["x"] + (x - self.view.left) * self.view.scale),
            round(box["y"] + (y - self.view.top) * self.view.scale),
        )

    def image_point(self, screen: tuple[float, float]) -> tuple[float, float]:
        """The image point at a place of the screen."""
        box = self.stage_box()
        return (
            (screen[0] - box["x"]) / self.view.scale + self.view.left,
            (screen[1] - box["y"]) / self.view.scale + self.view.top,
        )

    def click(self, x: float, y: float) -> tuple[float, float]:
        """Clicks at an image point; returns the exact one, since a click lands on a whole screen pixel."""
        screen = self.at(x, y)
        self.page.mouse.click(*screen)
        return self.image_point(screen)

    def dot(self, x: float, y: float, size: float) -> Mask:
        """What a click there with a brush of this size should paint."""
        return disc(self.item["width"], self.item["height"], self.image_point(self.at(x, y)), size)

    def drag(self, path: Sequence[tuple[float, float]], steps: int = 4) -> list[tuple[float, float]]:
        """A stroke with the mouse along a path; returns the exact corners."""
        screen = [self.at(*point) for point in path]
        self.page.mouse.move(*screen[0])
        self.page.mouse.down()
        for point in screen[1:]:
            self.page.mouse.move(*point, steps=steps)
        self.page.mouse.up()
        return [self.image_point(point) for point in screen]

    def stroke_with(self, pointer: str, path: Sequence[tuple[float, float]], steps: int = 4, force: float = 1) -> None:
        """A stroke with a finger ("touch") or a "pen" that is pressed so hard (0 to 1), as devices send it."""
        points: list[tuple[float, float]] = [self.at(*path[0])]
        for point in path[1:]:
            (x0, y0), (x1, y1) = points[-1], self.at(*point)
            points += [(x0 + (x1 - x0) * n / steps, y0 + (y1 - y0) * n / steps) for n in range(1, steps + 1)]
        session = self.page.context.new_cdp_session(self.page)
        for n, (x, y) in enumerate([*points, points[-1]]):
            kind = 0 if n == 0 else 2 if n == len(points) else 1
            if pointer == "touch":
                touches = [] if kind == 2 else [{"x": x, "y": y}]
                names = ("touchStart", "touchMove", "touchEnd")
                session.send("Input.dispatchTouchEvent", {"type": names[kind], "touchPoints": touches})
            else:
                session.send(
                    "Input.dispatchMouseEvent",
                    {
                        "type": ("mousePressed", "mouseMoved", "mouseReleased")[kind],
                        "x": x,
                        "y": y,
                        "button": "left",
                        "buttons": 0 if kind == 2 else 1,
                        "clickCount": 1,
                        "pointerType": "pen",
                        "force": force,
                    },
                )
        session.detach()

    def pinch(self, centre: tuple[float, float], start: float, end: float) -> None:
        """Two fingers on both sides of a point go from one distance to another (screen pixels)."""
        x, y = self.at(*centre)
        session = self.page.context.new_cdp_session(self.page)
        for n in range(6):
            half = (start + (end - start) * n / 5) / 2
            touches = [{"x": x - half, "y": y, "id": 0}, {"x": x + half, "y": y, "id": 1}]
            kind = "touchStart" if n == 0 else "touchMove"
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.detach()

    # ---- what is there

    def brush(self, size: int) -> None:
        """Takes the brush, so wide."""
        self.press("b")
        self.brush_size(size)

    def brush_size(self, size: int) -> None:
        self.slide("Brush size", size)

    def slide(self, name: str, value: float) -> None:
        """Sets a slider, in whatever panel it stands."""
        self.page.get_by_label(name, exact=True).evaluate(_SLIDE, str(value))

    def zoom_shown(self) -> float:
        """The zoom that the page names, as a factor."""
        return float(self.page.get_by_label("Zoom", exact=True).inner_text().rstrip(" %")) / 100

    def resolve(self, choice: str) -> None:
        """Answers the banner of a conflict: "mine" or "theirs"."""
        words = {"mine": "Put my strokes on top", "theirs": "Show theirs"}
        self.page.get_by_role("button", name=words[choice]).click()
        self.page.locator("#banners .conflict").wait_for(state="hidden")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def settled(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Waits until something holds that the page gets to in its own time."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            self.frames()

    def idle(self) -> None:
        """Waits until the page asks its server nothing any more."""
        self.page.wait_for_load_state("networkidle")

    def same(self, expected: Mask) -> bool:
        """Canvas and server both hold exactly this mask."""
        return bool((self.canvas_mask() == expected).all() and (self.server_mask() == expected).all())

    def offline(self) -> None:
        """Waits until the page says that the server cannot be reached."""
        self.page.locator("#bar-save", has_text="Offline").wait_for()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def saved(self) -> None:
        """Waits until the page says that everything is stored."""
        self.page.locator("#bar-save", has_text="Saved").wait_for()

    def canvas_mask(self) -> Mask:
        """What the overlay shows, looked up at the middle of every image pixel."""
        return self._sample("mask")[..., 3] > 0

    def shown(self) -> npt.NDArray[np.int_]:
        """What the canvas of the picture shows there, int RGB (H, W, 3)."""
        return self._sample("picture")[..., :3].astype(int)

    def ink(self, layer: str) -> int:
        """Canvas pixels of a layer on which anything is drawn."""
        self.frames()
        return int(self.page.evaluate(_INK, layer))

    def _sample(self, layer: str) -> npt.NDArray[np.uint8]:
        self.frames()
        size = self.item["width"], self.item["height"]
        view = self.view
        data = base64.b64decode(self.page.evaluate(_SAMPLE, [layer, view.scale, view.left, view.top, *size]))
        return np.frombuffer(data, np.uint8).reshape(size[1], size[0], 4)

    def server_mask(self, number: int = 1) -> Mask:
        return self.api.mask(self.api.layer(self.item["id"], number))

    def frames(self) -> None:
        """Waits until what was asked to be painted is painted."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@dataclass
class Watch:
    """What a page must not do: complain, fail, or ask anybody but its own server."""

    origin: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    """Parts of complaints that a test provokes on purpose (a lost network, a refusal)."""

    def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.origin + "/", "data:", "blob:")):
            self.elsewhere.append(request.url)

    def check(self) -> None:
        assert self.elsewhere == []
        unexpected = [text for text in self.complaints if not any(part in text for part in self.expected)]
        assert unexpected == []
