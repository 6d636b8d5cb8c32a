"""Names of items: parts separated by `/`, such as every file system and archive takes."""

from __future__ import annotations

import re
import unicodedata

_BAD = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
"""Characters that some file system refuses in a name; each becomes `_`."""
_MAX_PART = 120
"""Longest part in characters, so that suffixes fit into the 255 bytes that file systems allow."""


def item_names(path: str, stem: str | None = None) -> tuple[str, str]:
    """Two names for the picture at a relative path: without its file's suffix, and with it for where that is taken.

    Args:
        path: relative, with `/`.
        stem: what the last part is called instead of the file's own stem (a pair's common part).
    """
    folder, _, file = path.rpartition("/")
    own_stem, dot, suffix = file.rpartition(".")
    if not own_stem:  # no suffix, or a name that begins with its only dot
        own_stem, dot, suffix = file, "", ""
    base = f"{folder}/" if folder else ""
    return safe_name(base + (stem or own_stem)), safe_name(base + own_stem + dot + suffix)


def safe_name(text: str) -> str:
    """A text as the name of an item; the empty one becomes `_`."""
    parts = [_safe_part(part) for part in unicodedata.normalize("NFC", text).split("/")]
    return "/".join(part for part in parts if part) or "_"


def _safe_part(part: str) -> str:
    part = _BAD.sub("_", part.encode("utf-8", "replace").decode()).strip(" ").rstrip(".")
    while len(part.encode()) > _MAX_PART * 2 or len(part) > _MAX_PART:
        part = part[:-1]
    return part
