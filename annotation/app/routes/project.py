"""The page, its files, the project and its list of items."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from annotation.app.errors import RequestError
from annotation.app.parameters import LARGEST_ID, Number
from annotation.app.served import Served
from annotation.app.uploads import CommentBody, SecondBody, read_json
from annotation.app.wire import comment_json, item_json, item_row_json, layer_json
from annotation.records import STATES, State
from million_ird.windows import SIZES

_LONGEST_PAGE = 1000
_LONGEST_NAME = 500
"""Characters of a name that is searched for."""


def router(served: Served) -> APIRouter:
    """Routes of the page, the project and its items."""
    routes = APIRouter()
    store = served.store

    @routes.get("/")
    def page(request: Request) -> Response:
        return served.page.first(request)

    @routes.get("/static/{name:path}")
    def static(name: str, request: Request) -> Response:
        return served.page.answer(name, request)

    @routes.get("/api/project")
    def project() -> dict[str, Any]:
        counts = store.counts()
        return {
            "id": served.id,
            "name": served.project.name,
            "items": store.count(),
            "counts": {state: counts.get(state, 0) for state in STATES},
            "window_sizes": list(SIZES),
            "token_needed": served.token_needed,
        }

    @routes.get("/api/items")
    def items(
        after: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
        limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 200,
        state: str = "",
        name: Annotated[str, Query(max_length=_LONGEST_NAME)] = "",
    ) -> dict[str, Any]:
        if name:
            rows, following = store.search(name, after, limit, _state(state))
        else:
            rows = store.items(after, limit, _state(state))
            following = rows[-1].id if len(rows) == limit else None
        return {"items": [item_row_json(row) for row in rows], "next": following}

    @routes.get("/api/items/{item}")
    def one(item: Number) -> dict[str, Any]:
        return item_json(store.item(item), store.layers(item), store.comments(item))

    @routes.post("/api/items/{item}/comments", status_code=201)
    async def comment(item: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, CommentBody)
        return comment_json(await run_in_threadpool(store.add_comment, item, body.annotator, body.text))

    @routes.post("/api/items/{item}/second")
    async def second(item: Number, request: Request) -> dict[str, Any]:
        body = await read_json(request, SecondBody)
        return layer_json(await run_in_threadpool(store.ask_second, item, body.annotator))

    return routes


def _state(text: str) -> State | None:
    if not text:
        return None
    for state in STATES:
        if text == state:
            return state
    raise RequestError(422, f"state: one of {', '.join(STATES)}, or nothing for all")
