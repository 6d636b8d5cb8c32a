"""JSON Lines, JSON arrays of objects, and plain lists of URLs."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from typing import Any

from million_ird.errors import UsageError
from million_ird.manifest.blocks import BLOCK_ROWS, BadRow, Block, blocks_of, shorten
from million_ird.manifest.files import lines, open_stream

_CHUNK = 2**20
_LARGEST_ELEMENT = 2**24
"""Longest element of a JSON array in characters."""
_DECODER = json.JSONDecoder()


def read_text(files: list[str]) -> Iterator[Block]:
    """One URL per line; empty lines and lines that begin with `#` are no rows."""
    rows: list[int] = []
    urls: list[str] = []
    bad: list[BadRow] = []
    row = 0
    for file in files:
        for line in lines(file):
            if line is not None and (not line.strip() or line.startswith(b"#")):
                continue
            url = _url_line(line)
            if isinstance(url, str):
                urls.append(url)
                rows.append(row)
            else:
                bad.append(BadRow(row, url.reason, url.detail))
            row += 1
            if len(rows) + len(bad) >= BLOCK_ROWS:
                yield Block(rows=rows, columns={"url": urls}, bad=bad)
                rows, urls, bad = [], [], []
    if rows or bad:
        yield Block(rows=rows, columns={"url": urls}, bad=bad)


def _url_line(line: bytes | None) -> str | BadRow:
    """The URL, or a BadRow whose number is still to be set."""
    if line is None:
        return BadRow(0, "line_too_long")
    try:
        return line.decode().strip()
    except UnicodeDecodeError:
        return BadRow(0, "invalid_utf8", shorten(line.decode("utf-8", "replace")))


def read_json_lines(files: list[str]) -> Iterator[Block]:
    """One JSON object per line."""
    return blocks_of(_numbered(_json_line(line) for file in files for line in lines(file) if line != b""))


def read_json_array(files: list[str]) -> Iterator[Block]:
    """An array of objects per file, read piece by piece. A file that holds JSON Lines after all is read as that."""
    return blocks_of(_numbered(item for file in files for item in _array_items(file)))


def _numbered(items: Iterator[Any]) -> Iterator[BadRow | tuple[int, Mapping[str, Any]]]:
    for row, item in enumerate(items):
        if isinstance(item, BadRow):
            yield BadRow(row, item.reason, item.detail)
        elif isinstance(item, dict):
            yield row, item
        else:
            yield BadRow(row, "not_an_object", shorten(json.dumps(item, default=str)))


def _json_line(line: bytes | None) -> Any:
    """The parsed line, or a BadRow whose number is still to be set."""
    if line is None:
        return BadRow(0, "line_too_long")
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError:
        return BadRow(0, "invalid_utf8", shorten(line.decode("utf-8", "replace")))
    except (ValueError, RecursionError) as error:
        return BadRow(0, "invalid_json", shorten(f"{error}: {line.decode()[:150]}"))


def _array_items(file: str) -> Iterator[Any]:
    """The elements of the array in a file.

    Raises:
        UsageError: the array is damaged; what follows the damage cannot be told apart, so nothing is guessed.
    """
    with open_stream(file) as stream:
        text = _Text(stream, file)
        if text.peek() != "[":
            yield from (_json_line(line) for line in lines(file) if line != b"")
            return
        text.skip(1)
        while text.peek() != "]":
            yield text.element()
            if text.peek() == ",":
                text.skip(1)
            elif text.peek() != "]":
                raise text.damaged("neither , nor ] after an element")


class _Text:
    """The unread part of a JSON text, refilled from a stream."""

    def __init__(self, stream: Any, file: str) -> None:
        self._stream, self._file = stream, file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._rest, self._passed, self._ended = "", 0, False

    def peek(self) -> str:
        """The next character that is no space; UsageError at the end of the text."""
        while not (stripped := self._rest.lstrip(" \t\r\n")):
            self._passed += len(self._rest)
            self._rest = ""
            if self._ended:
                raise self.damaged("it ends too early")
            self._refill()
        self._passed += len(self._rest) - len(stripped)
        self._rest = stripped
        return stripped[0]

    def skip(self, count: int) -> None:
        self._rest = self._rest[count:]
        self._passed += count

    def element(self) -> Any:
        """The next value."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._rest, len(self._rest) - len(self._rest.lstrip(" \t\r\n")))
            except RecursionError:
                raise self.damaged("nested too deeply") from None
            except ValueError as error:
                if self._ended or len(self._rest) > _LARGEST_ELEMENT:
                    raise self.damaged(str(error)) from None
                self._refill()
                continue
            if end == len(self._rest) and not self._ended:  # a number may go on in the next piece
                self._refill()
                continue
            self.skip(end)
            return value

    def damaged(self, why: str) -> UsageError:
        return UsageError(f"manifest: {self._file} is no JSON array of objects: {why} (near character {self._passed})")

    def _refill(self) -> None:
        chunk = self._stream.read(_CHUNK)
        try:
            self._rest += self._decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise self.damaged(str(error)) from None
        self._ended = not chunk
