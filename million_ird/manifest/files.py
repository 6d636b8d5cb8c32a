"""Finding and opening the files of a manifest, wherever fsspec reaches and however they are packed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from million_ird.errors import UsageError

_COMPRESSION = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_CHUNK = 4 * 2**20
MAX_LINE = 2**20
"""Longest line in bytes; a longer one is no row of a manifest, and must not fill the memory."""


def is_url(path: str) -> bool:
    """Whether a path names its own protocol (`s3://…`) and so is never relative to a folder."""
    return "://" in path or "::" in path


def resolve(path: str, base: str) -> str:
    """An absolute path or URL; `base` is the folder that relative ones belong to."""
    return path if is_url(path) else str(Path(base, Path(path).expanduser()).absolute())


def suffix(path: str) -> str:
    """The file name's suffix in lower case, a packing suffix left out: `.csv` for `list.csv.gz`."""
    name = path.rsplit("/", 1)[-1].lower()
    for packed in _COMPRESSION:
        name = name.removesuffix(packed)
    return Path(name).suffix


def expand(path: str) -> list[str]:
    """The files that a path, glob or numbered range names, sorted; UsageError if there is none."""
    match = _RANGE.search(path)
    if match:
        first, last = match[1], match[2]
        numbers = range(int(first), int(last) + 1)
        return [
            name
            for n in numbers
            for name in expand(path[: match.start()] + f"{n:0{len(first)}d}" + path[match.end() :])
        ]
    fs, plain = filesystem(path)
    with explained(path):
        if any(c in plain for c in "*?[") and not path.startswith(("http://", "https://")) and not fs.exists(plain):
            found = sorted(str(name) for name in fs.glob(plain))
            if not found:
                raise UsageError(f"manifest: nothing matches {path}")
            return [_full(fs, name) for name in found]
        if not fs.exists(plain):
            raise UsageError(f"manifest: there is no {path}")
        return [path]


def filesystem(path: str) -> tuple[Any, str]:
    """fsspec's file system and the path as it spells it."""
    try:
        fs, plain = url_to_fs(path)
    except (ImportError, ValueError) as error:
        raise UsageError(f"manifest: cannot open {path}: {error}") from None
    return fs, str(plain)


def files_below(path: str, suffixes: tuple[str, ...]) -> list[str]:
    """The files a path names; for a folder, the files below it with one of the suffixes."""
    names = []
    for name in expand(path):
        fs, plain = filesystem(name)
        with explained(name):
            if not fs.isdir(plain):
                names.append(name)
                continue
            below = [str(found) for found in sorted(fs.find(plain)) if suffix(str(found)) in suffixes]
        names.extend(_full(fs, found) for found in below)
    if not names:
        raise UsageError(f"manifest: no {' or '.join(suffixes)} file below {path}")
    return names


def fixed_part(path: str) -> str:
    """The folder in front of the first glob character or number range: what keys of local rows are relative to."""
    literal = re.split(r"[*?\[{]", path, maxsplit=1)[0]
    return literal.rpartition("/")[0]


def relative_to(root: str, file: str) -> str:
    """A file's path below a root; its bare name if it is not below it (as file systems spell it)."""
    return file.removeprefix(root + "/") if file.startswith(root + "/") else file.rsplit("/", 1)[-1]


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turns a failure to read a manifest file into one line that names it."""
    try:
        yield
    except UsageError:
        raise
    except (OSError, EOFError, pa.ArrowException) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"manifest: cannot read {path}: {text[:300]}") from None


def open_raw(path: str) -> Any:
    """The file as it is, seekable, opened for reading bytes.

    Raises:
        OSError: it cannot be opened, or is no file any more: reading a pipe would wait for ever, a device never ends.
    """
    if "://" in path:
        return fsspec.open(path, "rb").open()
    if Path(path).exists() and not Path(path).is_file():
        raise OSError("a folder, a device or a pipe")
    return LocalFileSystem().open(path, "rb")


@contextmanager
def open_stream(path: str) -> Iterator[Any]:
    """The file's unpacked bytes as a stream with `read(n)`."""
    with explained(path), open_raw(path) as raw:
        packing = next((kind for end, kind in _COMPRESSION.items() if path.lower().endswith(end)), None)
        yield pa.CompressedInputStream(pa.PythonFile(raw, "r"), packing) if packing else raw


def lines(path: str) -> Iterator[bytes | None]:
    """The file's lines without their ends; None stands for one longer than `MAX_LINE`.

    Raises:
        UsageError: the file cannot be read or unpacked to its end, or is UTF-16.
    """
    with open_stream(path) as stream:
        rest, too_long, first = b"", False, True
        while chunk := stream.read(_CHUNK):
            if first and chunk[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise UsageError(f"manifest: {path} is UTF-16; save it as UTF-8")
            if first:
                chunk, first = chunk.removeprefix(b"\xef\xbb\xbf"), False
            *whole, rest_of_chunk = chunk.split(b"\n")
            if whole:
                whole[0], rest = rest + whole[0], b""
                if too_long:
                    whole[0], too_long = b"", False
                    yield None
                    del whole[0]
                for line in whole:
                    yield line.rstrip(b"\r") if len(line) <= MAX_LINE else None
            rest += rest_of_chunk
            if len(rest) > MAX_LINE:
                rest, too_long = b"", True
        if too_long:
            yield None
        elif rest:
            yield rest.rstrip(b"\r")


def _full(fs: Any, name: str) -> str:
    """A name that a file system gave, as a URL that opens it again (plain paths stay plain)."""
    protocols = fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)
    return name if "file" in protocols else str(fs.unstrip_protocol(name))
