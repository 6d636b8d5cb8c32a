"""Finding and reading the files of a format, within bounds."""

from __future__ import annotations

import os
from pathlib import Path

from annotation.formats.model import FormatError, plain

MASK_FILE_BYTES = 512 * 1024 * 1024
"""Largest file of a single mask, with pictures where the format has them in it."""
LIST_FILE_BYTES = 2 * 1024 * 1024 * 1024
"""Largest file that lists many masks."""

INDEX_NAME = "million-ird-export.json"
"""The file that an export writes last: which items its files belong to."""


def files_below(place: Path, endings: tuple[str, ...]) -> list[tuple[str, Path]]:
    """(path relative to `place`, path) of the files below a folder whose names end so, sorted; hidden ones are left
    out. A file is itself. Relative paths are text in any case: bytes that are none become `�`.

    Raises:
        FormatError: nothing there, or it cannot be listed.
    """
    if place.is_file():
        return [(_text(place.name), place)]
    if not place.is_dir():
        raise FormatError(f"there is no file or folder {place}")
    found = []
    for folder, folders, names in os.walk(place, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(folder) / name
            if name.lower().endswith(endings) and not name.startswith(".") and name != INDEX_NAME and path.is_file():
                found.append((_text(path.relative_to(place).as_posix()), path))
    return sorted(found)


def read_bounded(path: Path, limit: int) -> bytes:
    """All bytes of a file that has at most `limit`.

    Raises:
        FormatError: it is larger, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise FormatError(f"{plain(path.name)} cannot be read: {error.strerror or error}") from None
    if len(data) > limit:
        raise FormatError(f"{plain(path.name)} is larger than the {limit / 1e6:,.0f} MB that such a file may have")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Writes a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def only_file(place: Path, ending: str) -> Path:
    """The one file with this ending in a folder (not below it), or the file that was named.

    Raises:
        FormatError: none, or several.
    """
    if place.is_file():
        return place
    found = [path for name, path in files_below(place, (ending,)) if "/" not in name]
    if len(found) != 1:
        many = f"{len(found)} files *{ending}" if found else f"no file *{ending}"
        raise FormatError(f"there {'are' if found else 'is'} {many} in {place}: name the file itself")
    return found[0]


def not_empty(found: list[tuple[str, Path]], place: Path, what: str) -> None:
    """FormatError unless there is something to read."""
    if not found:
        raise FormatError(f"there is no {what} below {place}")


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")


def _refuse(error: OSError) -> None:
    raise FormatError(f"{plain(error.filename or '')} cannot be listed: {error.strerror}")
