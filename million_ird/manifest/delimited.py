"""CSV and TSV, line by line, so that one broken row costs one row.

In CSV a quoted cell may hold line breaks; a quote that is never closed costs the line that opened it and reading goes
on with the next. In TSV a line is always a row, and quotes that do not add up are taken as ordinary characters, since
captions are full of them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from million_ird.errors import UsageError
from million_ird.manifest.blocks import BLOCK_ROWS, BadRow, Block, shorten
from million_ird.manifest.files import lines
from million_ird.manifest.settings import ManifestSettings

MAX_CONTINUED = 100
"""Most lines that one quoted CSV row may run over."""
_SNIFFED_LINES = 20
_END = b"\n"
"""What follows the last line: no line holds its own end."""
_DELIMITERS = ("\t", ",", ";", "|")
csv.field_size_limit(2**31 - 1)  # `lines` and MAX_CONTINUED bound a cell already


@dataclass(frozen=True, slots=True)
class _Broken:
    """A row that is no row."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Dialect:
    delimiter: str
    """Empty: the whole line is one cell."""
    multiline: bool
    """Quoted cells may hold line breaks (CSV); if not, unbalanced quotes are literal (TSV)."""


def read_delimited(files: list[str], settings: ManifestSettings, tabs: bool) -> Iterator[Block]:
    """Blocks of the rows of all files, numbered through; each file may have its own header."""
    first_row = 0
    for file in files:
        source = lines(file)
        head = list(islice(source, _SNIFFED_LINES))
        dialect = _dialect(head, settings, tabs)
        names, rows = _header(_records(chain(head, source), dialect), settings)
        for block in _blocks(rows, names, first_row):
            yield block
            first_row += len(block.rows) + len(block.bad)


def _blocks(rows: Iterator[list[str] | _Broken], names: list[str], first_row: int) -> Iterator[Block]:
    row = first_row
    while taken := list(islice(rows, BLOCK_ROWS)):
        good, numbers, bad = [], [], []
        for cells in taken:
            if isinstance(cells, _Broken):
                bad.append(BadRow(row, cells.reason, cells.detail))
            elif len(cells) != len(names):
                detail = f"{len(cells)} cells instead of {len(names)}: {shorten(' | '.join(cells), 150)}"
                bad.append(BadRow(row, "wrong_cell_count", detail))
            else:
                good.append(cells)
                numbers.append(row)
            row += 1
        columns = dict(zip(names, zip(*good, strict=True) if good else [()] * len(names), strict=True))
        yield Block(rows=numbers, columns=columns, bad=bad)


def _header(
    rows: Iterator[list[str] | _Broken], settings: ManifestSettings
) -> tuple[list[str], Iterator[list[str] | _Broken]]:
    """Column names and the remaining rows. Without a header columns are named by number, a lone URL column `url`.

    Raises:
        UsageError: the first line holds carriage returns, so that all rows would be taken for the header.
    """
    first = next(rows, None)
    if first is None:
        return [], iter(())
    if isinstance(first, _Broken):
        first_cells: list[str] = []
    else:
        first_cells = first
    if any("\r" in cell for cell in first_cells):
        raise UsageError(f"manifest {settings.label}: lines end in CR alone; save it with LF or CRLF at their ends")
    urls = [i for i, cell in enumerate(first_cells) if cell.strip().lower().startswith(("http://", "https://"))]
    headed = not urls if settings.header == "auto" else settings.header
    if headed:
        return _unique([cell.strip() for cell in first_cells]), rows
    names = [str(i) for i in range(len(first_cells))]
    if urls and settings.columns.url == "":
        names[urls[0]] = "url"
    return names, chain([first], rows)


def _unique(names: list[str]) -> list[str]:
    """A repeated or empty column name gets its number appended, so that no column hides another."""
    return [name if name and name not in names[:i] else f"{name}_{i}" for i, name in enumerate(names)]


def _dialect(head: list[bytes | None], settings: ManifestSettings, tabs: bool) -> _Dialect:
    if tabs:
        return _Dialect("\t", multiline=False)
    if settings.delimiter != "auto":
        return _Dialect(settings.delimiter, multiline=True)
    texts = [line.decode("utf-8", "replace") for line in head if line]
    if not texts or not any(c in texts[0] for c in _DELIMITERS):
        return _Dialect("", multiline=True)  # one column: commas below belong to URLs
    best = max(_DELIMITERS, key=lambda c: _evenness(texts, c))
    return _Dialect(best, multiline=True)


def _evenness(texts: list[str], delimiter: str) -> tuple[int, int]:
    """How many of the first lines a delimiter cuts into as many cells (two or more) as the first line."""
    counts = [_cells(text, delimiter) for text in texts]
    return (sum(count == counts[0] for count in counts) if counts[0] > 1 else 0, counts[0])


def _cells(text: str, delimiter: str) -> int:
    """Cells of a line; 0 for one that is no row (a carriage return in its middle)."""
    try:
        return len(next(csv.reader([text], delimiter=delimiter), []))
    except csv.Error:
        return 0


def _records(source: Iterator[bytes | None], dialect: _Dialect) -> Iterator[list[str] | _Broken]:
    """One item per row; empty lines between rows are no rows."""
    waiting: list[bytes | None] = []
    while True:
        line = waiting.pop() if waiting else next(source, _END)
        if line == _END:
            return
        if line is None:
            yield _Broken("line_too_long", "")
        elif line:
            yield _record(line, dialect, source, waiting)


def _record(
    line: bytes, dialect: _Dialect, source: Iterator[bytes | None], waiting: list[bytes | None]
) -> list[str] | _Broken:
    """The cells of the row that begins with `line`; lines read ahead in vain go to `waiting`, last one first."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return _Broken("invalid_utf8", f"byte {error.start}: {shorten(line.decode('utf-8', 'replace'), 150)}")
    if '"' not in text:
        return text.split(dialect.delimiter) if dialect.delimiter else [text]
    if not dialect.delimiter and not text.startswith('"'):
        return [text]
    cells = _parse(text, dialect)
    if cells is not None:
        return cells
    if not dialect.multiline:
        return text.split(dialect.delimiter)
    return _continued(text, dialect, source, waiting)


def _continued(
    text: str, dialect: _Dialect, source: Iterator[bytes | None], waiting: list[bytes | None]
) -> list[str] | _Broken:
    """A row whose quotes stay open at the line's end: joined with the following lines until they close."""
    ahead: list[bytes | None] = []
    joined, open_quotes = text, text.count('"') % 2
    while open_quotes and len(ahead) < MAX_CONTINUED:
        line = waiting.pop() if waiting else next(source, _END)
        if line == _END:
            break
        ahead.append(line)
        if line is None:
            break
        more = line.decode("utf-8", "replace")
        joined += "\n" + more
        if '"' in more:
            open_quotes ^= more.count('"') % 2
            cells = None if open_quotes else _parse(joined, dialect)
            if cells is not None:
                if "\ufffd" in joined:
                    return _Broken("invalid_utf8", shorten(joined, 150))
                return cells
    waiting.extend(reversed(ahead))
    return _Broken("bad_quoting", shorten(text, 150))


def _parse(text: str, dialect: _Dialect) -> list[str] | None:
    """The cells of one row by the rules of RFC 4180, or None if its quotes do not add up."""
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=dialect.delimiter or "\x00", strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
