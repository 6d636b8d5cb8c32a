"""Answers that a browser keeps, and asks for again only by their digest."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

_KEPT = "private, no-cache"
"""Keep it, but ask each time: a file can be replaced between two visits, and the answer is 304 with no body."""


def not_modified(request: Request, digest: str) -> Response | None:
    """304, where the browser has exactly this."""
    known = (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(","))
    return Response(status_code=304, headers=_headers(digest)) if f'"{digest[:32]}"' in known else None


def tagged(data: bytes, media_type: str, digest: str) -> Response:
    """The bytes, with their digest."""
    return Response(data, media_type=media_type, headers=_headers(digest))


def _headers(digest: str) -> dict[str, str]:
    return {"ETag": f'"{digest[:32]}"', "Cache-Control": _KEPT}
