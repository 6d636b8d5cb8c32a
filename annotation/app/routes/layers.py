"""Masks: reading them, their history and windows; strokes, undo, redo, states and proposals."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from annotation.app.errors import RequestError
from annotation.app.parameters import MaybeRevision, Number, Offset, RevisionName, Side
from annotation.app.served import Served
from annotation.app.uploads import AcceptBody, HeadBody, StateBody, packed_limit, read_bounded, read_json
from annotation.app.wire import layer_json, revision_json, windows_json
from annotation.mask import pack_bits, unpack_bits
from annotation.records import Kind, Rect
from annotation.store.clock import now

Stroke = Literal["brush", "eraser", "polygon", "fill", "scissors", "grabcut", "clear", "cleaned", "resolve"]
"""Kinds of revisions that a page may send; the others are the server's own."""

_FOR_EVER = "private, max-age=31536000, immutable"
"""A revision never changes."""


def router(served: Served) -> APIRouter:
    """Routes of layers."""
    routes = APIRouter()
    store = served.store

    @routes.get("/api/layers/{layer}/mask")
    def mask(layer: Number, revision: MaybeRevision = None) -> Response:
        shown = revision or store.layer(layer).head
        packed = pack_bits(store.mask(layer, shown))
        headers = {"X-Revision": shown} | ({"Cache-Control": _FOR_EVER} if revision else {})
        return Response(packed, media_type="application/octet-stream", headers=headers)

    @routes.get("/api/layers/{layer}/windows")
    def windows(
        layer: Number, revision: MaybeRevision = None, rule: Literal["any", "majority"] = "any"
    ) -> dict[str, Any]:
        return windows_json(store.mask(layer, revision), rule)

    @routes.get("/api/layers/{layer}/history")
    def history(layer: Number) -> dict[str, Any]:
        return {"revisions": [revision_json(revision) for revision in store.history(layer)]}

    @routes.post("/api/layers/{layer}/revisions")
    async def add_revision(
        layer: Number,
        request: Request,
        revision: RevisionName,
        parent: RevisionName,
        kind: Stroke,
        x: Offset,
        y: Offset,
        width: Side,
        height: Side,
        annotator: str,
    ) -> Response:
        rect = Rect(x, y, width, height)
        await run_in_threadpool(_check_rect, served, layer, rect)
        data = await read_bounded(request, packed_limit(width, height))
        return await run_in_threadpool(_append, served, layer, revision, parent, kind, annotator, rect, data)

    @routes.post("/api/layers/{layer}/head")
    async def head(layer: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, HeadBody)
        moved = await run_in_threadpool(store.move_head, layer, body.operation, body.to, body.expected, body.annotator)
        return layer_json(moved)

    @routes.post("/api/layers/{layer}/state")
    async def state(layer: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, StateBody)
        changed = await run_in_threadpool(store.set_state, layer, body.state, body.reason, body.version, body.annotator)
        return layer_json(changed)

    @routes.post("/api/layers/{layer}/accept")
    async def accept(layer: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, AcceptBody)
        await run_in_threadpool(store.accept_proposal, layer, body.expected, body.annotator, body.revision)
        return layer_json(await run_in_threadpool(store.layer, layer))

    return routes


def _check_rect(served: Served, layer: int, rect: Rect) -> None:
    """Before a byte of the body is read."""
    item = served.store.item(served.store.layer(layer).item)
    if rect.x + rect.width > item.width or rect.y + rect.height > item.height:
        raise RequestError(422, f"the rectangle does not lie inside the picture of {item.width}x{item.height} pixels")


def _append(
    served: Served,
    layer: int,
    revision: str,
    parent: str,
    kind: Kind,
    annotator: str,
    rect: Rect,
    data: bytes,
) -> Response:
    """Stores a stroke; 201, or 200 where it had been stored before."""
    values = unpack_bits(data, rect.width, rect.height)
    begun = now()
    stored = served.store.append(layer, revision, parent, kind, annotator, rect, values)
    return JSONResponse(layer_json(served.store.layer(layer)), 200 if stored.at < begun else 201)
