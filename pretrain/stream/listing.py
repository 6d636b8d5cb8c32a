"""Which tars a location means, and what tells whether a file has changed, without reading it."""

from __future__ import annotations

import re
from typing import Any

from million_ird.errors import DatasetError, UsageError
from million_ird.store import Store, explained

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_TAR_NAME = re.compile(r"\.(tar(\.\w+)?|tgz)$")  # compressed ones as well: reading them says what is wrong
_MOST_NAMES = 1_000_000
_GLOB = ("*", "?", "[")


def is_pattern(location: str) -> bool:
    """Whether a location names tars rather than a folder."""
    return _TAR_NAME.search(location) is not None or any(mark in location for mark in (*_GLOB, "{"))


def expand_braces(pattern: str) -> list[str]:
    """`a-{000..002}.tar` or `{a,b}.tar` as the names it stands for, in order; nested braces are not understood.

    Raises:
        UsageError: a range that runs backwards, or more names than any dataset has.
    """
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    choices = found[1].split(",")
    if (bounds := _RANGE.fullmatch(found[1])) is not None:
        first, last = int(bounds[1]), int(bounds[2])
        if not first <= last < first + _MOST_NAMES:
            raise UsageError(f"{pattern}: the range {{{found[1]}}} runs backwards or is too long")
        choices = [f"{number:0{len(bounds[1])}d}" for number in range(first, last + 1)]
    rests = expand_braces(pattern[found.end() :])
    return [f"{pattern[: found.start()]}{choice}{rest}" for choice in choices for rest in rests]


def list_tars(location: str) -> list[tuple[str, int, str]]:
    """The tars that a pattern, a URL or a folder means: (path or full URL, bytes, stamp) of each.

    In name order; those of a brace pattern keep its order, and each must exist.

    Raises:
        DatasetError: there is none, or one that was named is missing.
    """
    pattern = location if is_pattern(location) else f"{location.rstrip('/')}/*.tar"
    found: dict[str, tuple[int, str]] = {}
    for each in expand_braces(pattern):
        folder = Store(each.rpartition("/")[0] or ("/" if each.startswith("/") else "."))
        for name, info in _matching(folder, each.rpartition("/")[2]):
            full = name if folder.is_local else folder.fs.unstrip_protocol(name)
            found[full] = (_size(info), _stamp(info))
    if not found:
        what = "no tar" if is_pattern(location) else "neither dataset.json nor a tar"
        raise DatasetError(f"there is {what} at {location}")
    return [(name, size, stamp) for name, (size, stamp) in found.items()]


def stamps(store: Store, folder: str) -> list[tuple[str, str]]:
    """(name, stamp) of every file below a folder, or of the file of that name, in name order."""
    with explained("list", store.path(folder)):
        found = store.fs.find(store.path(folder), detail=True)
    prefix = len(store.root) + 1
    return sorted((str(path)[prefix:], _stamp(info)) for path, info in found.items())


def _matching(folder: Store, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Paths with what their file system says of them; `name` and the folder may be patterns."""
    path = folder.path(name)
    with explained("list", path):
        if any(mark in path for mark in _GLOB):
            found: dict[str, dict[str, Any]] = folder.fs.glob(path, detail=True)
        else:
            try:
                found = {path: folder.fs.info(path)}
            except FileNotFoundError:
                raise DatasetError(f"{path} is missing") from None
    return sorted((str(name), info) for name, info in found.items() if info.get("type") == "file")


def _size(info: dict[str, Any]) -> int:
    return int(info.get("size") or 0)


def _stamp(info: dict[str, Any]) -> str:
    """Bytes, and what this file system says of a file's content or time."""
    marks = [str(info[name]) for name in ("ETag", "etag", "md5", "LastModified", "mtime", "created") if name in info]
    return f"{_size(info)} {marks[0] if marks else ''}"
