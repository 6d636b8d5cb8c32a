"""A list of pictures or pairs: CSV, TSV, JSON Lines, a JSON array, Parquet, or a text file of paths.

Columns: `blurred` (or `blur`, `path`, `file`) and, for pairs, `sharp`; `name` if the items are to be called otherwise
than their files. Every other column is kept as provenance.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from annotation.sources.folder import folder_at, read_file
from annotation.sources.names import item_names, safe_name
from annotation.sources.source import Candidate
from annotation.store import Refused
from million_ird.errors import UsageError
from million_ird.manifest import kind_of
from million_ird.manifest.blocks import BLOCK_ROWS, Block, shorten
from million_ird.manifest.delimited import read_delimited
from million_ird.manifest.files import explained
from million_ird.manifest.settings import ManifestSettings
from million_ird.manifest.textual import read_json_array, read_json_lines, read_text
from million_ird.records import Rejection

_BLURRED = ("blurred", "blur", "path", "file", "url")
"""Names of the column that says where the blurred picture is; the first that exists counts. `url` is what a text
file's only column is called."""
_SHARP = ("sharp",)
_NAME = ("name",)
_MAX_PROVENANCE = 500
"""Longest value of another column in characters."""


class ManifestSource:
    """The rows of a manifest. Paths are relative to a folder, and never leave it."""

    kind = "manifest"

    def __init__(self, place: str, root: str) -> None:
        """Absolute paths of the manifest, and of the folder that its paths belong to."""
        self.place = place
        self.options = {"root": root}

    @classmethod
    def at(cls, place: str, root: str = "") -> ManifestSource:
        """The manifest that a person named; `root` is its own folder unless given.

        Raises:
            UsageError: there is no such file, or its name says nothing about its format.
        """
        path = Path(place).expanduser().absolute()
        if not path.is_file():
            raise UsageError(f"there is no manifest {place}")
        if _kind(str(path)) not in _READERS:
            raise UsageError(f"{place} is no manifest that is read here: .csv, .tsv, .jsonl, .json, .parquet or .txt")
        return cls(str(path), folder_at(root) if root else str(path.parent))

    def candidates(self) -> Iterator[Candidate | Refused]:
        seen: dict[str, int] = {}
        for block in _READERS[_kind(self.place)](self.place):
            yield from (Refused(f"row {bad.row}", bad.reason, bad.detail) for bad in block.bad)
            for row, record in zip(block.rows, _records(block), strict=True):
                found = self._candidate(row, record)
                if isinstance(found, Candidate) and seen.setdefault(found.blurred, row) != row:
                    found = Refused(f"row {row}", "duplicate_row", f"row {seen[found.blurred]} has the same picture")
                yield found

    def read(self, where: str, is_sharp: bool = False) -> bytes | Rejection:
        return read_file(self.options["root"], where)

    def _candidate(self, row: int, record: Mapping[str, str]) -> Candidate | Refused:
        columns = {role: _first(record, names) for role, names in _ROLES.items()}
        if columns["blurred"] is None:
            listed = ", ".join(sorted(record)) or "none"
            raise UsageError(f"manifest {self.place}: no column {', '.join(_BLURRED[:4])}; its columns are {listed}")
        blurred, problem = self._relative(record[columns["blurred"]])
        if problem:
            return Refused(f"row {row}", problem, shorten(record[columns["blurred"]]))
        given = record[columns["sharp"]] if columns["sharp"] else ""
        sharp, problem = self._relative(given) if given else ("", "")
        if problem:
            return Refused(f"row {row}", f"sharp_{problem}", shorten(given))
        name = record[columns["name"]] if columns["name"] else ""
        names = (safe_name(name), safe_name(f"{name}.{row}")) if name else item_names(blurred)
        rest = {key: value[:_MAX_PROVENANCE] for key, value in record.items() if key not in columns.values() and value}
        rest.pop("orientation", None)  # what the file says counts
        return Candidate(*names, blurred, sharp or None, rest)

    def _relative(self, path: str) -> tuple[str, str]:
        """A path relative to the root, and the reason why it cannot be used; one of the two is empty."""
        if not path:
            return "", "no_path"
        if "://" in path:
            return "", "not_local"
        root = self.options["root"]
        full = os.path.normpath(os.path.join(root, path))  # noqa: PTH118  lexical: links are followed when it is read
        if not full.startswith(root.rstrip("/") + "/"):
            return "", "outside_folder"
        return full[len(root.rstrip("/")) + 1 :], ""


_ROLES = {"blurred": _BLURRED, "sharp": _SHARP, "name": _NAME}


def _kind(path: str) -> str:
    """The manifest's format by its name; "" if that says nothing."""
    try:
        return kind_of(ManifestSettings(path=path))
    except UsageError:
        return ""


def _records(block: Block) -> Iterator[dict[str, str]]:
    """The rows of a block; nothing and NaN become the empty text."""
    if block.records is not None:
        names = block.names()
        rows: Iterator[Mapping[str, Any]] = iter(block.records)
    else:
        names = list(block.columns)
        rows = (dict(zip(names, row, strict=True)) for row in zip(*block.columns.values(), strict=True))
    for row in rows:
        yield {name: _text(row.get(name)) for name in names}


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value).encode("utf-8", "replace").decode().strip()


def _first(record: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in record), None)


def _read_parquet(path: str) -> Iterator[Block]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = 0
    with explained(path), pq.ParquetFile(path) as table:
        plain = [f.name for f in table.schema_arrow if not (pa.types.is_nested(f.type) or pa.types.is_binary(f.type))]
        for batch in table.iter_batches(BLOCK_ROWS, columns=plain, use_threads=False):
            columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
            yield Block(rows=range(first, first + batch.num_rows), columns=columns)
            first += batch.num_rows


_READERS = {
    "csv": lambda path: read_delimited([path], ManifestSettings(path=path), tabs=False),
    "tsv": lambda path: read_delimited([path], ManifestSettings(path=path), tabs=True),
    "jsonl": lambda path: read_json_lines([path]),
    "json": lambda path: read_json_array([path]),
    "text": lambda path: read_text([path]),
    "parquet": _read_parquet,
}
