"""A folder of images: every file whose name could be an image's, below a folder or behind a glob."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from million_ird.manifest.blocks import BLOCK_ROWS, BadRow, Block, shorten
from million_ird.manifest.files import expand, explained, filesystem, fixed_part, suffix
from million_ird.manifest.settings import ManifestSettings

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "gif"),
        *("avif", "heic", "heif", "jxl", "jp2", "j2k", "ppm", "pgm", "dng"),
    )
)
"""Names that may hold an image; what a file really is, its bytes decide later. A name without suffix may, too."""


def read_folder(path: str, settings: ManifestSettings) -> Iterator[Block]:
    """Blocks of the files, in the order of their paths. Hidden files and folders are not looked at.

    Links to folders are followed, each real folder once. Names that are no UTF-8, files without read permission and
    files whose suffix is no image's become bad rows.
    """
    root, names = _listing(path)
    good: list[str] = []
    rows: list[int] = []
    bad: list[BadRow] = []
    for row, (name, problem) in enumerate(names):
        reason, detail = _judge(name, problem)
        if reason:
            bad.append(BadRow(row, reason, detail, _printable(name)))
        else:
            good.append(name)
            rows.append(row)
        if len(rows) + len(bad) >= BLOCK_ROWS:
            yield _block(root, good, rows, bad, settings)
            good, rows, bad = [], [], []
    if rows or bad:
        yield _block(root, good, rows, bad, settings)


def _block(root: str, names: list[str], rows: list[int], bad: list[BadRow], settings: ManifestSettings) -> Block:
    origins = [settings.key_prefix + name for name in names]
    return Block(rows=rows, columns={}, bad=bad, urls=names, roots=[root] * len(names), origins=origins)


def _listing(path: str) -> tuple[str, Iterator[tuple[str, str]]]:
    """The folder that names are relative to, and (name, problem) of each file in a fixed order."""
    fs, plain = filesystem(path)
    with explained(path):
        if Path(path).is_dir():
            return path.rstrip("/") or "/", _walk(path.rstrip("/") or "/")
        if fs.isdir(plain):
            below = sorted(str(name)[len(plain.rstrip("/")) + 1 :] for name in fs.find(plain))
            visible = (name for name in below if not any(part.startswith(".") for part in name.split("/")))
            return path.rstrip("/"), ((name, "") for name in visible)
    root = fixed_part(path)
    found = (name[len(root) + 1 :] for name in expand(path) if not filesystem(name)[0].isdir(filesystem(name)[1]))
    return root, ((name, "") for name in found)


def _walk(root: str) -> Iterator[tuple[str, str]]:
    """Files below a local folder, depth first, by the bytes of their names; every real folder once."""
    seen: set[tuple[int, int]] = set()
    open_folders = [iter(["."])]
    while open_folders:
        name = next(open_folders[-1], None)
        if name is None:
            open_folders.pop()
            continue
        path = Path(root, name)
        if not path.is_dir():
            yield name, _problem(path)
            continue
        try:
            info = path.stat()
            if (info.st_dev, info.st_ino) not in seen:
                seen.add((info.st_dev, info.st_ino))
                visible = (entry.name for entry in path.iterdir() if not entry.name.startswith("."))
                prefix = "" if name == "." else name + "/"
                open_folders.append(iter([prefix + entry for entry in sorted(visible, key=os.fsencode)]))
        except OSError as error:
            yield name, f"unreadable_folder:{error.strerror}"


def _problem(path: Path) -> str:
    """`reason:detail` why something in a folder cannot be read; empty if it can."""
    if not path.is_file():
        return "not_a_file:a broken link, a device or a pipe"
    return "" if os.access(path, os.R_OK) else "unreadable_file:no permission to read it"


def _judge(name: str, problem: str) -> tuple[str, str]:
    """(reason, detail) why a file is no source; empty if it is one."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "name_not_utf8", f"rename it: {os.fsencode(name)!r}"
    if problem:
        reason, _, detail = problem.partition(":")
        return reason, detail
    ending = suffix(name)
    if ending and ending not in IMAGE_SUFFIXES:
        return "not_an_image_name", f"suffix {shorten(ending, 40)}"
    return "", ""


def _printable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")
