"""Bare pages with nothing but the editor, before the real server: what a person draws, and what the server then has."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from annotation.mask import unpack_bits

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route

Mask = npt.NDArray[np.bool_]

_BARE = """<!doctype html><title>editor alone</title>
<body style="margin:0"><div id="stage" tabindex="0" style="position:relative;width:360px;height:240px"></div>
<script type="module">
import {Editor} from "/static/engine/editor.js";
window.told = [];
window.begin = async (annotator, item) => {
  const project = await (await fetch("/api/project")).json();
  window.editor = new Editor(document.getElementById("stage"), {annotator, project});
  for (const name of ["conflict", "resolved", "notice"]) {
    editor.addEventListener(name, (event) => told.push({name, ...event.detail}));
  }
  editor.addEventListener("stroke", ({detail}) => {
    if (detail.kind === "brush") told.strokes = (told.strokes ?? 0) + 1;
  });
  editor.setBrush({size: 8});
  const whole = await editor.api.item(item);
  await editor.open(whole, whole.layers[0]);
};
</script>"""


class Seat:
    """One page with the editor on it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def dot(self, x: int, y: int) -> None:
        """A click of the brush at an image point, with the mouse."""
        [left, top] = self.page.evaluate("([x, y]) => editor.view.toScreen(x, y)", [x, y])
        self.page.mouse.click(left, top)

    def do(self, call: str) -> None:
        """Calls a method of the editor and waits for it."""
        self.page.evaluate(f"editor.{call}")

    def shown(self) -> Mask:
        """The mask on the canvas."""
        rows = self.page.evaluate(
            "() => { const mask = editor.mask; return [mask.width, mask.height, Array.from(mask.data)]; }"
        )
        return np.array(rows[2], bool).reshape(rows[1], rows[0])

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("editor.status")
        return found

    def until(self, state: str, unsent: int | None = None) -> None:
        """Waits for a status."""
        wanted = f"editor.status.state === '{state}'" + (
            "" if unsent is None else f" && editor.status.unsent === {unsent}"
        )
        self.page.wait_for_function(wanted, timeout=20_000)

    def leave(self) -> None:
        """Closes the page, once what was drawn is in the journal: some milliseconds after the pointer was lifted."""
        self.do("outbox.settled()")
        self.page.close()

    def until_told(self, name: str) -> dict[str, Any]:
        """Waits for an event, and gives what it said."""
        self.page.wait_for_function(f"told.some((each) => each.name === '{name}')", timeout=20_000)
        found: dict[str, Any] = self.page.evaluate(f"told.find((each) => each.name === '{name}')")
        return found


class Desk:
    """An item, a browser's storage, and the pages that share it."""

    def __init__(self, context: BrowserContext, origin: str, item: int) -> None:
        self.context = context
        self.origin = origin
        self.item = item
        self.troubles: list[str] = []
        context.set_default_timeout(20_000)
        context.route("**/alone", lambda route: route.fulfill(body=_BARE, content_type="text/html"))

    def sit(self, annotator: str = "Ada", before: str = "") -> Seat:
        """A new page with the item on it; `before` is a script that runs first."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        if before:
            page.add_init_script(before)
        page.goto(f"{self.origin}/alone")
        page.wait_for_function("typeof window.begin === 'function'")
        page.evaluate("([annotator, item]) => begin(annotator, item)", [annotator, self.item])
        return Seat(page)

    def strokes(self, handler: Callable[[Route], None]) -> None:
        """Has strokes answered by a handler from now on, until `pass_strokes`."""
        self.context.route("**/api/layers/*/revisions?*", handler)

    def pass_strokes(self) -> None:
        self.context.unroute("**/api/layers/*/revisions?*")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.origin + path, timeout=20) as answer:
            data = answer.read()
        return data if answer.headers["Content-Type"] == "application/octet-stream" else json.loads(data)

    @property
    def layer(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/items/{self.item}")["layers"][0]
        return found

    def kinds(self) -> list[str]:
        """What the layer's history holds, oldest first."""
        history = self.get(f"/api/layers/{self.layer['id']}/history")["revisions"]
        return [revision["kind"] for revision in reversed(history)]

    def stored(self) -> Mask:
        """The mask of the layer's head."""
        whole = self.get(f"/api/items/{self.item}")
        return unpack_bits(self.get(f"/api/layers/{whole['layers'][0]['id']}/mask"), whole["width"], whole["height"])

    def until_stored(self, *points: tuple[int, int]) -> None:
        """Waits until the head holds these pixels (x, y)."""
        end = time.monotonic() + 20
        while not all(self.stored()[y, x] for x, y in points):
            assert time.monotonic() < end, f"{points} are not all stored; the history holds {self.kinds()}"
            time.sleep(0.1)

    def close(self) -> None:
        self.context.close()
        assert not self.troubles, self.troubles
