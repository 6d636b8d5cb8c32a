"""Pictures of items, and how the frames of a pair lie on each other."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from annotation.app.caching import not_modified, tagged
from annotation.app.errors import RequestError
from annotation.app.parameters import Number
from annotation.app.served import Served
from annotation.app.wire import registration_json
from annotation.records import Item
from million_ird import __version__


def router(served: Served) -> APIRouter:
    """Routes of pictures."""
    routes = APIRouter()
    frames = served.frames

    @routes.get("/api/items/{item}/blurred")
    async def blurred(item: Number, request: Request) -> Response:
        about = await run_in_threadpool(served.store.item, item)
        digest = _digest(about, "blurred")
        if (known := not_modified(request, digest)) is not None:
            return known
        picture = await served.pictures.run(frames.blurred, about)
        return tagged(picture.data, picture.media_type, digest)

    @routes.get("/api/items/{item}/sharp")
    async def sharp(item: Number, request: Request) -> Response:
        about = await _pair(item)
        digest = _digest(about, "sharp")
        if (known := not_modified(request, digest)) is not None:
            return known
        picture = await served.pictures.run(frames.sharp, about)
        return tagged(picture.data, picture.media_type, digest)

    @routes.get("/api/items/{item}/registration")
    async def registration(item: Number) -> dict[str, Any]:
        about = await _pair(item)
        return registration_json(await served.pictures.run(frames.registration, about))

    async def _pair(item: int) -> Item:
        about = await run_in_threadpool(served.store.item, item)
        if not about.is_pair:
            raise RequestError(404, "this item has no sharp frame")
        return about

    return routes


def _digest(item: Item, frame: str) -> str:
    """Changes with the bytes of either frame, and with the program that decodes and registers them."""
    return hashlib.sha256(f"{frame} {item.sha256} {item.sharp_sha256} {__version__}".encode()).hexdigest()
