"""What stands in requests besides their bodies: integers and 32 hex digits, each within bounds; and whom they mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Header, Path, Query

from annotation.app.errors import RequestError

LARGEST_ID = 2**63 - 1
"""SQLite's largest integer."""
_HEX = r"^[0-9a-f]{32}$"

Number = Annotated[int, Path(ge=1, le=LARGEST_ID)]
RevisionName = Annotated[str, Query(pattern=_HEX)]
MaybeRevision = Annotated[str | None, Query(pattern=_HEX)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Side = Annotated[int, Query(ge=1, le=1_000_000)]


def meant_for(project: str) -> Callable[[str], Awaitable[None]]:
    """Refuses a request whose header `X-Project` names another project than the one that is served.

    A page stays open when its server is stopped, and another project may then be served at its address: layers are
    numbered from 1 in both. The page keeps what it wanted to send until its own project is back.
    """

    async def check(x_project: Annotated[str, Header()] = "") -> None:
        if x_project and x_project != project:
            raise RequestError(412, "another project is served here now: reload the page, or start this one's server")

    return check
