"""Writing a page so that no reader ever sees half of it."""

from __future__ import annotations

import os
from pathlib import Path

from million_ird.errors import StoreError


def write_document(path: Path, text: str) -> None:
    """Writes a text whole or not at all, its folder as well where there is none.

    Raises:
        StoreError: it cannot be written.
    """
    spare = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        spare.write_text(text, "utf-8", newline="\n")
        os.replace(spare, path)  # noqa: PTH105 - Path.replace would do the same
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from None
