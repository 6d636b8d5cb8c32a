"""The index that an export leaves beside its files: which items they belong to, and what became of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annotation.formats.files import INDEX_NAME, LIST_FILE_BYTES
from annotation.formats.json_file import read_json
from annotation.formats.model import FormatError
from million_ird.errors import UsageError
from million_ird.settings import from_dict

VERSION = 1
_HEAD = "million-ird export of masks"


@dataclass(frozen=True)
class IndexItem:
    """One exported item."""

    name: str
    file_name: str
    files: tuple[str, ...]
    width: int
    height: int
    blurred_pixels: int
    mask_sha256: str
    """Of the mask as the store's 1-bit PNG."""
    iou: float = 1.0
    """Of the mask and what comes back from the files; below 1 only in formats that cannot hold every mask."""
    note: str = ""


@dataclass(frozen=True)
class Index:
    """What an export wrote, in order, and what it left out, as (name, reason)."""

    format: str
    project: str
    layer: int
    is_complete: bool
    items: tuple[IndexItem, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    """Every file, sorted."""


def to_table(index: Index) -> dict[str, Any]:
    """The content of the file."""
    return {"what": _HEAD, "version": VERSION, **asdict(index)}


def read_index(folder: Path) -> Index | None:
    """The index of an export's folder; None if it has none.

    Raises:
        FormatError: it is damaged, or of a newer version.
    """
    if not (folder / INDEX_NAME).is_file():
        return None
    path = folder / INDEX_NAME
    content = read_json(path, LIST_FILE_BYTES)
    if not isinstance(content, dict) or content.pop("what", "") != _HEAD:
        raise FormatError(f"{path} is another file of that name")
    if (version := content.pop("version", None)) != VERSION:
        raise FormatError(f"{path} has the version {version!r}; this program reads version {VERSION}")
    try:
        return from_dict(Index, content)
    except UsageError as error:
        raise FormatError(f"{path} is damaged: {error}") from None
