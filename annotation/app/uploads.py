"""Bodies of requests, bounded while they are read: whatever a client says of their length, no more is ever kept."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request

from annotation.app.errors import RequestError
from annotation.pictures import Which
from annotation.records import State

JSON_LIMIT = 65_536
"""Bytes of a JSON body. The largest is a GrabCut with some thousand hint points."""
_PATIENCE = 120.0
"""Seconds in which a body must have come: ten megabytes at 1 Mbit/s."""

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Coordinate = Annotated[int, Field(ge=0, le=1_000_000)]
Length = Annotated[int, Field(ge=1, le=1_000_000)]
Point = tuple[Coordinate, Coordinate]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class HeadBody(_Body):
    """Undo, redo, or the restoring of any revision."""

    operation: Revision
    to: Revision
    expected: Revision
    annotator: str


class StateBody(_Body):
    state: State
    reason: str = ""
    version: int
    annotator: str


class AcceptBody(_Body):
    revision: Revision
    expected: Revision
    annotator: str


class CommentBody(_Body):
    annotator: str
    text: str


class SecondBody(_Body):
    annotator: str


class ProposeBody(_Body):
    layer: Id
    annotator: str


Hints = Annotated[list[Point], Field(max_length=4000)]


class ScissorsBody(_Body):
    picture: Which
    anchor: Point
    target: Point


class GrabcutBody(_Body):
    picture: Which
    box: tuple[Coordinate, Coordinate, Length, Length]
    foreground: Hints = []
    background: Hints = []


_AnyBody = TypeVar("_AnyBody", bound=_Body)


def packed_limit(width: int, height: int) -> int:
    """The largest zlib stream that a sane encoder makes of a rectangle's packed rows: stored blocks, and slack."""
    raw = (width + 7) // 8 * height
    return raw + raw // 1000 + 64


async def read_bounded(request: Request, limit: int) -> bytes:
    """The body.

    Raises:
        RequestError: larger than `limit` bytes (413), or not there in time (408).
    """
    stated = request.headers.get("content-length", "0")
    if not stated.isascii() or not stated.isdigit() or int(stated[:20]) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise RequestError(408, "the upload took too long") from None
    except ClientDisconnect:
        raise RequestError(400, "the upload ended before its end") from None
    return bytes(body)


async def read_json(request: Request, kind: type[_AnyBody]) -> _AnyBody:
    """A JSON body with exactly the fields of `kind`.

    Raises:
        RequestError: it is not that (422), or too large.
    """
    body = await read_bounded(request, JSON_LIMIT)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise RequestError(422, f"{place}: {first['msg']}") from None


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"the body is larger than the {limit:,} bytes that this request can need")
