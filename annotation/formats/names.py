"""From the name of an item to the name of a file, and back to the item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from million_ird.errors import UsageError

_EXTENSIONS = frozenset(("jpg", "jpeg", "jpe", "png", "webp", "tif", "tiff", "bmp", "gif", "avif"))
_LONGEST = 255
"""Bytes of one part of a path on the usual file systems."""


def stem(name: str) -> str:
    """A name without the extension of a picture file; other dots belong to the name."""
    head, dot, extension = name.rpartition(".")
    return head if dot and extension.lower() in _EXTENSIONS and head.rpartition("/")[2] else name


def is_safe(name: str) -> bool:
    """Whether a name can be a relative path below a folder, on any file system."""
    parts = name.split("/")
    return (
        all(part.strip(". ") and not part.endswith((" ", ".")) for part in parts)
        and name.isprintable()
        and not any(char in name for char in '\\:*?"<>|')
        and all(len(part.encode()) <= _LONGEST - 16 for part in parts)
    )


def one_file_each(names: Sequence[str], paths: Sequence[str]) -> None:
    """Checks that the files that items are to be written to are all different.

    Args:
        names: of the items.
        paths: of their files, in the same order.

    Raises:
        UsageError: two items would be written to one file, or one to a folder that another needs; it names both.
    """
    owners: dict[str, str] = {}
    for name, path in zip(names, paths, strict=True):
        if path.casefold() in owners:
            raise UsageError(_collision(owners[path.casefold()], name, path))
        owners[path.casefold()] = name
    for path, name in list(owners.items()):
        for folder in _folders(path):
            if folder in owners:
                raise UsageError(_collision(owners[folder], name, folder))


def _collision(one: str, other: str, path: str) -> str:
    return (
        f"{one!r} and {other!r} would both be written to {path} (capitals do not count, since some file systems do "
        "not tell them apart): export them apart, with --only"
    )


def _folders(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))
