"""From a response to bytes that we hold: bounded memory, a byte cap, and the SHA-256 on the way.

A body of up to one megabyte stays in memory, so that most photographs that a screen rejects never touch the disk; a
larger one is written to the spool as it comes. We ask for no compression (`Accept-Encoding: identity`; images are
compressed already). A server that packs all the same is unpacked under the same cap: a bomb ends as `too_large`.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from aiohttp import ClientResponse

from million_ird.errors import StoreError
from pipelines.http.reasons import FetchError, Reason

_HELD_NBYTES = 1024 * 1024
_UNPACK_STEP_NBYTES = 256 * 1024


class Body:
    """A fetched body: in memory while it is small, else in a file of the spool. `nbytes`, and `sha256` in hex."""

    __slots__ = ("_data", "_path", "nbytes", "sha256")

    def __init__(self, path: Path, data: bytes | None, nbytes: int, sha256: str) -> None:
        self._path = path
        self._data = data
        self.nbytes = nbytes
        self.sha256 = sha256

    def read(self) -> bytes:
        """All bytes."""
        return self._path.read_bytes() if self._data is None else self._data

    def path(self) -> Path:
        """The body as a file; from the first call on it lies there and no longer in memory.

        Raises:
            StoreError: the disk does not take it.
        """
        if self._data is not None:
            file = _create(self._path)
            try:
                _write(file, self._data, self._path)
            finally:
                os.close(file)
            self._data = None
        return self._path

    def discard(self) -> None:
        """Free its memory or its file; the body is gone."""
        if self._data is None:
            self._path.unlink(missing_ok=True)
        self._data = b""


async def store_body(response: ClientResponse, path: Path, max_nbytes: int) -> Body:
    """Take the body of `response`, to `path` if it is large. If it fails no file is left.

    Raises:
        FetchError: `too_large`, `empty_body`, `short_body`, `unsupported_encoding` or `bad_encoding`.
        StoreError: the disk does not take it.
    """
    announced = response.content_length
    if announced is not None and announced > max_nbytes:
        raise FetchError(Reason.TOO_LARGE, f"Content-Length {announced}", measured=announced)
    unpacker = _unpacker_for(response)
    writer = _Writer(path, max_nbytes)
    try:
        while data := await response.content.readany():
            for piece in (data,) if unpacker is None else unpacker.feed(data):
                writer.add(piece)
        if unpacker is not None:
            unpacker.check_end()
        return writer.finish()
    except BaseException:
        writer.discard()
        raise


async def read_body(response: ClientResponse, max_nbytes: int) -> bytes:
    """The first `max_nbytes` of a body, in memory; the rest is not read. Raises FetchError as `store_body` does."""
    unpacker = _unpacker_for(response)
    body = bytearray()
    while data := await response.content.readany():
        for piece in (data,) if unpacker is None else unpacker.feed(data):
            body += piece
            if len(body) >= max_nbytes:
                return bytes(body[:max_nbytes])
    return bytes(body)


class _Writer:
    """Gathers pieces, hashes them, and writes them in large steps once they are too many to hold."""

    def __init__(self, path: Path, max_nbytes: int) -> None:
        self._nbytes = 0
        self._path = path
        self._max_nbytes = max_nbytes
        self._sha256 = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._held = 0
        self._file = -1

    def add(self, piece: bytes) -> None:
        """Take a piece. Raises FetchError `too_large`, StoreError."""
        self._nbytes += len(piece)
        if self._nbytes > self._max_nbytes:
            raise FetchError(Reason.TOO_LARGE, f"more than {self._max_nbytes} bytes", measured=self._max_nbytes)
        self._sha256.update(piece)
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > _HELD_NBYTES:
            self._flush()

    def finish(self) -> Body:
        """The whole body. Raises FetchError `empty_body`, StoreError."""
        if self._nbytes == 0:
            raise FetchError(Reason.EMPTY_BODY, "no byte", measured=0)
        sha256 = self._sha256.hexdigest()
        if self._file < 0:
            return Body(self._path, b"".join(self._pieces), self._nbytes, sha256)
        self._flush()
        os.close(self._file)
        self._file = -1
        return Body(self._path, None, self._nbytes, sha256)

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        if self._file < 0:
            self._file = _create(self._path)
        _write(self._file, b"".join(self._pieces), self._path)
        self._pieces.clear()
        self._held = 0


def _create(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"cannot keep a fetched image in {path.parent}: {error.strerror}") from error


def _write(file: int, data: bytes, path: Path) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError as error:
        raise StoreError(f"cannot keep a fetched image in {path.parent}: {error.strerror}") from error


def _unpacker_for(response: ClientResponse) -> _Unpacker | None:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity", "none"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _Unpacker(raw_allowed=encoding == "deflate")
    raise FetchError(Reason.UNSUPPORTED_ENCODING, f"Content-Encoding {encoding}")


class _Unpacker:
    """gzip and zlib in pieces of bounded size; `deflate` also without zlib's head, as some servers send it."""

    def __init__(self, raw_allowed: bool) -> None:
        self._raw_allowed = raw_allowed
        self._stream = zlib.decompressobj(wbits=47)  # 32 + 15: sees by itself whether gzip or zlib

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Unpack what `packed` adds. Raises FetchError `bad_encoding`."""
        full = True
        while packed or full:
            piece = self._unpack(packed)
            packed = self._stream.unconsumed_tail
            full = len(piece) == _UNPACK_STEP_NBYTES  # then zlib may hold more, even without input
            if piece:
                yield piece
            if self._stream.eof:
                if self._stream.unused_data:
                    raise FetchError(Reason.BAD_ENCODING, "data after the end of the compressed body")
                return

    def check_end(self) -> None:
        """Raises FetchError `short_body` if the compressed data has not come to its own end."""
        if not self._stream.eof:
            raise FetchError(Reason.SHORT_BODY, "the compressed body ends early")

    def _unpack(self, packed: bytes) -> bytes:
        try:
            piece = self._stream.decompress(packed, _UNPACK_STEP_NBYTES)
        except zlib.error as error:
            if not self._raw_allowed:
                raise FetchError(Reason.BAD_ENCODING, str(error)) from error
            self._raw_allowed = False
            self._stream = zlib.decompressobj(wbits=-15)
            return self._unpack(packed)
        self._raw_allowed = False
        return piece
