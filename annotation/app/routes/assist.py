"""What helps to draw: the magnetic outline, GrabCut, the machine's proposal."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request

from annotation.app.errors import RequestError
from annotation.app.parameters import Number
from annotation.app.served import Served
from annotation.app.uploads import GrabcutBody, ProposeBody, ScissorsBody, read_json
from annotation.app.wire import layer_json
from annotation.assist.grabcut import Hints, cut_out
from annotation.assist.scissors import paths_from, region_of
from annotation.mask import pack_bits
from annotation.records import Item, Rect


def router(served: Served) -> APIRouter:
    """Routes of assistance."""
    routes = APIRouter()

    @routes.post("/api/items/{item}/scissors")
    async def scissors(item: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, ScissorsBody)
        about = await run_in_threadpool(served.store.item, item)
        return {"points": await served.outlines.run(_outline, served, about, body)}

    @routes.post("/api/items/{item}/grabcut")
    async def grabcut(item: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, GrabcutBody)
        about = await run_in_threadpool(served.store.item, item)
        return await served.cuts.run(_cut, served, about, body)

    @routes.post("/api/items/{item}/propose")
    async def propose(item: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, ProposeBody)
        about = await run_in_threadpool(served.store.item, item)
        return await served.proposals.run(_propose, served, about, body.layer)

    return routes


def _outline(served: Served, item: Item, body: ScissorsBody) -> list[tuple[int, int]]:
    region = region_of(item.width, item.height, body.anchor, body.target)
    key = (item.id, item.sha256, body.picture, body.anchor, region)
    paths = served.paths.get(key, lambda: paths_from(served.frames.pixels(item, body.picture), region, body.anchor))
    return paths.to(body.target)


def _cut(served: Served, item: Item, body: GrabcutBody) -> dict[str, Any]:
    box = Rect(*body.box)
    mask = cut_out(served.frames.pixels(item, body.picture), box, Hints(body.foreground, body.background))
    x, y, width, height = body.box
    return {"x": x, "y": y, "width": width, "height": height, "values": base64.b64encode(pack_bits(mask)).decode()}


def _propose(served: Served, item: Item, layer: int) -> dict[str, Any]:
    from annotation.propose import propose_pair, propose_single

    if served.store.layer(layer).item != item.id:
        raise RequestError(422, f"layer: {layer} is not one of this item")
    found = (
        propose_pair(served.frames.pixels(item, "blurred"), served.frames.unregistered(item))
        if item.is_pair
        else propose_single(served.frames.pixels(item, "blurred"))
    )
    served.store.add_proposal(layer, found.mask, found.confidence, found.note)
    return layer_json(served.store.layer(layer))
