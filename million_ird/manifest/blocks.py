"""The rows of a manifest on their way from a reader to the plan: raw blocks in, typed batches out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

BLOCK_ROWS = 20_000
"""Rows that travel together: large enough to amortise calls, small enough for wide tables (about 20 MB)."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read or used; becomes one row of the rejected table."""

    row: int
    reason: str
    detail: str = ""
    url: str = ""
    license: str = ""


@dataclass(slots=True)
class Block:
    """Up to `BLOCK_ROWS` rows as a reader found them, either as columns or as one dictionary per row.

    Where the bytes are local, `urls` and `roots` say where (see `local`), and `origins` what keys are made of;
    otherwise the URL is one of the columns.
    """

    rows: Sequence[int] = ()
    """0-based position of each row in its manifest."""
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    records: Sequence[Mapping[str, Any]] | None = None
    bad: list[BadRow] = field(default_factory=list)
    urls: Sequence[str] | None = None
    roots: Sequence[str] | None = None
    origins: Sequence[str] | None = None

    def names(self) -> list[str]:
        """The column names, in the manifest's order (records: in order of first appearance)."""
        if self.records is None:
            return list(self.columns)
        return list(dict.fromkeys(name for record in self.records for name in record))

    def column(self, name: str) -> Sequence[Any]:
        if self.records is None:
            return self.columns[name]
        return [record.get(name) for record in self.records]

    def leftovers(self, used: Collection[str], also: Mapping[int, Mapping[str, Any]]) -> list[str]:
        """Every other column of each row as one JSON object: sorted keys, nulls and NaN left out.

        Args:
            used: columns to leave out.
            also: values to add nevertheless, by position in the block.
        """
        if self.records is not None:
            rest = [{key: v for key, v in record.items() if key not in used} for record in self.records]
        else:
            names = [name for name in self.columns if name not in used]
            if not names and not also:
                return ["{}"] * len(self.rows)
            rows = zip(*(self.columns[name] for name in names), strict=True) if names else [()] * len(self.rows)
            rest = [dict(zip(names, row, strict=True)) for row in rows]
        for position, values in also.items():
            rest[position].update(values)
        return [_to_json(values) for values in rest]


@dataclass(frozen=True, slots=True)
class ManifestBatch:
    """Planned and rejected rows of one block: every row of the manifest is in exactly one of the two."""

    sources: pa.RecordBatch
    """SOURCE_SCHEMA."""
    rejected: pa.RecordBatch
    """REJECTED_SOURCE_SCHEMA."""
    rows: Sequence[int]
    """Position in the manifest of each row of `sources`."""


def blocks_of(items: Iterator[BadRow | tuple[int, Mapping[str, Any]]]) -> Iterator[Block]:
    """Gathers single records and bad rows into blocks."""
    block = Block(rows=(rows := []), records=(records := []))
    for item in items:
        if isinstance(item, BadRow):
            block.bad.append(item)
        else:
            rows.append(item[0])
            records.append(item[1])
        if len(rows) + len(block.bad) >= BLOCK_ROWS:
            yield block
            block = Block(rows=(rows := []), records=(records := []))
    if rows or block.bad:
        yield block


def strings(values: Sequence[str]) -> pa.Array:
    """An Arrow string array; what is no valid Unicode (a lone surrogate from JSON) is replaced by `?`."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([value.encode("utf-8", "replace").decode("utf-8") for value in values], pa.string())


def shorten(text: str, length: int = 200) -> str:
    """One printable line of at most `length` characters, for the column `detail`."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _to_json(record: Mapping[str, Any]) -> str:
    present = {key: value for key, value in record.items() if value is not None and value == value}
    if not present:
        return "{}"
    try:
        return _ENCODE(present)
    except ValueError:  # an infinity somewhere, which JSON does not have
        return _ENCODE({key: _finite(value) for key, value in present.items()})
    except TypeError:  # keys of several types in a nested table cannot be sorted
        return _ENCODE({str(key): str(value) for key, value in present.items()})


def _finite(value: Any) -> Any:
    try:
        _ENCODE(value)
    except ValueError:
        return str(value)
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return str(value)  # dates, times, decimals


_ENCODE = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_as_text
).encode
