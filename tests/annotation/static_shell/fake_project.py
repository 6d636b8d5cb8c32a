"""The server's HTTP contract from memory, for as many items as a test likes; what the page asked is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

from annotation.app.page import FOLDER
from annotation.app.security import HEADERS
from annotation.app.wire import windows_json
from annotation.mask import pack_bits
from annotation.records import STATES

if TYPE_CHECKING:
    from playwright.sync_api import Route

ORIGIN = "http://localhost"
"""No request gets this far; browsers trust the name as they trust a server on the same machine."""
WIDTH, HEIGHT = 96, 64
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
Answer = tuple[int, str, bytes]


@dataclass
class FakeProject:
    """Items 1 … `size`, one mask each, all alike; `refuse` names paths' parts and the answer that they get instead.

    A search looks through `looked_through` names.
    """

    size: int = 12
    looked_through: int = 100_000
    asked: list[str] = field(default_factory=list)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    layers: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: list[dict[str, str]] = field(default_factory=list)
    registration: dict[str, Any] = field(
        default_factory=lambda: {
            "dx": 0.31, "dy": -0.12, "angle": 0.0, "scale": 1.0, "correlation": 0.98, "gain": 1.02, "trusted": True,
        }
    )  # fmt: skip

    def serve(self, route: Route) -> None:
        """Answers one request of the page, with the headers of the real server."""
        url = urlsplit(route.request.url)
        self.asked.append(f"{url.path}?{url.query}" if url.query else url.path)
        body = route.request.post_data_buffer
        status, kind, data = self._answer(url.path, parse_qs(url.query), body)
        headers = {**HEADERS, "Content-Type": kind}
        if url.path.endswith("/mask"):
            headers["X-Revision"] = self.layer(int(url.path.split("/")[3]))["head"]
        route.fulfill(status=status, headers=headers, body=data)

    def lists(self) -> list[str]:
        """Pages of the list that were asked for."""
        return [path for path in self.asked if path.startswith("/api/items?")]

    def layer(self, number: int) -> dict[str, Any]:
        """A mask's layer; it has its item's number."""
        return self.layers.setdefault(number, _layer(number))

    def _answer(self, path: str, query: dict[str, list[str]], body: bytes | None) -> Answer:
        for part, (status, line) in self.refuse.items():
            if part in path:
                return status, "application/json", json.dumps({"error": line}).encode()
        if not path.startswith("/api/"):
            return self._file(path)
        if body is not None:
            return self._post(path, json.loads(body) if body.startswith(b"{") else {})
        words = path.split("/")[2:]
        if words[0] == "project":
            about = {"id": "5" * 32, "name": "Walks", "window_sizes": [8]}
            return _json({**about, "items": self.size, "counts": self._counts()})
        if words[0] == "items" and len(words) == 1:
            return _json(self._page(query))
        if words[0] == "items":
            return self._item(int(words[1]), words[2:])
        return self._layer_part(int(words[1]), words[2])

    def _file(self, path: str) -> Answer:
        file = FOLDER / ("index.html" if path == "/" else path.removeprefix("/static/"))
        return 200, _TYPES[file.suffix], file.read_bytes()

    def _counts(self) -> dict[str, int]:
        states = [layer["state"] for layer in self.layers.values()]
        counts = {state: states.count(state) for state in STATES}
        return {**counts, "todo": self.size - len(states) + counts["todo"]}

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        after, limit = int(query["after"][0]), int(query["limit"][0])
        state, name = (query.get(key, [""])[0] for key in ("state", "name"))
        last = min(after + self.looked_through, self.size) if name else self.size
        numbers = [n for n in range(after + 1, last + 1) if not state or self._state(n) == state]
        numbers = [n for n in numbers if name.casefold() in _sized(n)["name"]][:limit]
        following = numbers[-1] if len(numbers) == limit else last if last < self.size else None
        return {"items": [self._row(n) for n in numbers], "next": following}

    def _state(self, number: int) -> str:
        return str(self.layers[number]["state"]) if number in self.layers else "todo"

    def _row(self, number: int) -> dict[str, Any]:
        layer = self.layers.get(number) or _layer(number)
        row = {"id": number, "number": 1, "state": layer["state"], "annotator": layer["annotator"]}
        return {**_sized(number), "layers": [{**row, "proposal": layer["is_proposal"]}]}

    def _item(self, number: int, part: list[str]) -> Answer:
        if part == ["registration"]:
            return _json(self.registration)
        if part:
            return 200, "image/png", self._picture
        layers = [layer for layer in [self.layer(number), self.layers.get(-number)] if layer]
        return _json({**_sized(number), "provenance": {}, "layers": layers, "comments": self.comments})

    def _layer_part(self, number: int, part: str) -> Answer:
        if part == "mask":
            return 200, "application/octet-stream", pack_bits(self._mask)
        if part == "windows":
            return _json(windows_json(self._mask, "any"))
        at = "2026-01-02T03:04:05+00:00"
        known = {"parent": None, "kind": "empty", "annotator": "", "at": at, "area": 0, "note": "", "rect": {}}
        return _json({"revisions": [{**known, "id": self.layer(number)["head"], "layer": number}]})

    def _post(self, path: str, body: dict[str, Any]) -> Answer:
        self.posted.append((path, body))
        number, what = int(path.split("/")[3]), path.split("/")[4]
        layer = self.layer(number)
        if what == "state":
            if body["state"] == "done" and not body["reason"]:
                return 422, "application/json", b'{"error": "the mask is empty: say why"}'
            layer.update(state=body["state"], reason=body["reason"], version=layer["version"] + 1)
        elif what == "comments":
            self.comments.append({"annotator": body["annotator"], "at": "2026-01-02T03:04:05Z", "text": body["text"]})
            return _json(self.comments[-1])
        elif what == "accept":
            layer.update(is_proposal=False, head=body["revision"], annotator=body["annotator"])
        elif what == "second":
            layer = self.layers[-number] = {**_layer(number), "id": number + 1_000_000, "number": 2}
        return _json(layer)

    @cached_property
    def _picture(self) -> bytes:
        file = BytesIO()
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).save(file, "PNG")
        return file.getvalue()

    @cached_property
    def _mask(self) -> Any:
        return np.zeros((HEIGHT, WIDTH), np.bool_)


def _json(value: Any) -> Answer:
    return 200, "application/json", json.dumps(value).encode()


def _sized(number: int) -> dict[str, Any]:
    return {"id": number, "name": f"walk/{number:05d}", "width": WIDTH, "height": HEIGHT, "pair": True}


def _layer(number: int) -> dict[str, Any]:
    return {
        "id": number, "item": number, "number": 1, "annotator": "", "state": "todo", "reason": "",
        "head": f"{number:032x}", "undo": None, "redo": None, "is_proposal": False, "confidence": None, "version": 0,
    }  # fmt: skip
