"""Picture files on a local disk, read for evaluation and fine-tuning as the published codes read them.

Pixels come as they are stored: no colour profile is applied and nothing is turned, because benchmark numbers were
measured that way. All else is as strict as in the dataset (see docs/decoding.md).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from million_ird.manifest.folder import IMAGE_SUFFIXES
from million_ird.pixels import DecodeSettings, decode, read_header
from million_ird.records import Rejection

Pixels = NDArray[np.uint8]
"""(H, W, 3) RGB, 0 to 255."""

AS_STORED = DecodeSettings(colour="keep", high_bit_depth="round", allow_paletted=True)
"""Colours as stored; 16 bits rounded to 8 and palettes looked up, as test sets come in both."""


def image_files(folder: Path) -> list[Path]:
    """Files directly in `folder` whose suffix is an image's, by the bytes of their names; hidden files are not seen.

    Raises:
        UsageError: `folder` cannot be listed.
    """
    return [path for path in entries(folder) if path.suffix.lower() in IMAGE_SUFFIXES and not path.is_dir()]


def image_files_below(folder: Path) -> list[Path]:
    """As `image_files`, but of all folders below, too; a folder's own files come before those of its folders.

    Links to folders are followed, each real folder once.
    """
    return list(_below(folder, set()))


def _below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real not in seen:
        seen.add(real)
        yield from image_files(folder)
        for inner in entries(folder):
            if inner.is_dir():
                yield from _below(inner, seen)


def shown_name(name: str) -> str:
    """A file name as text that can be printed and stored: bytes that are no UTF-8 as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def entries(folder: Path) -> list[Path]:
    """What a folder holds, by the bytes of the names, without hidden names.

    Raises:
        UsageError: there is no such folder, or it cannot be listed.
    """
    try:
        visible = (path for path in folder.iterdir() if not path.name.startswith("."))
        return sorted(visible, key=lambda path: os.fsencode(path.name))
    except OSError as error:
        raise UsageError(f"{folder} is no folder that can be read: {error.strerror}") from None


def read_image(path: Path) -> Pixels | Rejection:
    """The pixels of a file: RGB, uint8, (H, W, 3), grey with three equal channels; or why there are none.

    A file that cannot be read is rejected as `unreadable_file`, all else by the reasons of docs/decoding.md.
    """
    data = file_bytes(path)
    return data if isinstance(data, Rejection) else decode_image(data)


def file_bytes(path: Path) -> bytes | Rejection:
    """The bytes of a file that may be a picture; or why there are none: `unreadable_file` or `too_many_bytes`.

    What is no plain file is not opened: a pipe would be waited for, and a device has no end.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Rejection(step="decode", reason="unreadable_file", detail="no plain file")
        if found.st_size > AS_STORED.max_nbytes:
            return Rejection(step="decode", reason="too_many_bytes", measured=float(found.st_size))
        return path.read_bytes()
    except OSError as error:
        return Rejection(step="decode", reason="unreadable_file", detail=error.strerror or type(error).__name__)


def decode_image(data: bytes) -> Pixels | Rejection:
    """The pixels of a file's bytes, as `read_image` gives them."""
    header = read_header(data, AS_STORED)
    return header if isinstance(header, Rejection) else decode(data, header, AS_STORED)


def explain(rejection: Rejection) -> str:
    """A rejection as one line for a person: reason, detail, and the number that was judged."""
    number = "" if rejection.measured is None else f"({rejection.measured:.6g})"
    said = " ".join(part for part in (rejection.detail, number) if part)
    return f"{rejection.reason}: {said}" if said else rejection.reason
