"""What stands in the addresses of requests: integers and 32 hex digits, each within bounds."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

LARGEST_ID = 2**63 - 1
"""SQLite's largest integer."""
_HEX = r"^[0-9a-f]{32}$"

Number = Annotated[int, Path(ge=1, le=LARGEST_ID)]
RevisionName = Annotated[str, Query(pattern=_HEX)]
MaybeRevision = Annotated[str | None, Query(pattern=_HEX)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Side = Annotated[int, Query(ge=1, le=1_000_000)]
