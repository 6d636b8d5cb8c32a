"""Which format a file or folder looks like, where nobody says it."""

from __future__ import annotations

from pathlib import Path

from annotation.formats.files import LIST_FILE_BYTES, files_below, read_bounded

_PICTURES = (".png", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".jpg", ".jpeg")
_BY_ENDING = {".xml": "cvat", ".npy": "lmd-vit", ".tar": "shards", ".json": "json", **dict.fromkeys(_PICTURES, "png")}


def guess_format(place: Path) -> str:
    """A name of `formats.registry`; "" where files of several formats are there, or of none.

    Raises:
        FormatError: there is no such place, or it cannot be read.
    """
    files = files_below(place, tuple(_BY_ENDING))
    kinds = {_BY_ENDING[path.suffix.lower()] for _, path in files if path.suffix.lower() in _BY_ENDING}
    if kinds == {"png"} and (place / "masks").is_dir() and (place / "dataset").is_dir():
        return "relo-blur"
    if kinds == {"json"}:
        return _kind_of_json(read_bounded(files[0][1], LIST_FILE_BYTES))
    return kinds.pop() if len(kinds) == 1 else ""


def _kind_of_json(data: bytes) -> str:
    """By the keys that only one of the formats has."""
    if b'"shapes"' in data and b'"imagePath"' in data:
        return "labelme"
    if b'"images"' in data and b'"categories"' in data:
        return "coco-rle"
    return "label-studio" if data.lstrip()[:1] == b"[" and b'"data"' in data else ""
