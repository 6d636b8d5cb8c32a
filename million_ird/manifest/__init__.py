"""Manifests: lists of image sources, in whatever form people keep them, as streams of typed rows.

    for batch in read_manifest(ManifestSettings(path="list.csv")):
        batch.sources   # SOURCE_SCHEMA
        batch.rejected  # REJECTED_SOURCE_SCHEMA, with the reason

Every row of the manifest is in exactly one of the two. A malformed row never ends the stream; a missing file, column
or package, or a file that cannot be read to its end, is a `UsageError`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from million_ird.errors import UsageError
from million_ird.manifest.blocks import BadRow, Block, ManifestBatch
from million_ird.manifest.columns import ColumnMap, find_columns, rejected_batch, to_batch
from million_ird.manifest.files import files_below, filesystem, resolve, suffix
from million_ird.manifest.local import read_local
from million_ird.manifest.settings import ColumnSettings, Kind, ManifestSettings
from million_ird.records import SOURCE_SCHEMA

__all__ = ["BadRow", "ColumnSettings", "ManifestBatch", "ManifestSettings", "kind_of", "read_local", "read_manifest"]

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": (".csv",),
    "tsv": (".tsv",),
    "parquet": (".parquet", ".pq"),
    "jsonl": (".jsonl", ".ndjson"),
    "json": (".json",),
    "text": (".txt",),
    "webdataset": (".tar",),
}


def read_manifest(settings: ManifestSettings, base: str = "") -> Iterator[ManifestBatch]:
    """The manifest's rows in its own order, streamed.

    Args:
        settings: where the manifest is and how to read it.
        base: folder that a relative path belongs to; "" for the current one.

    Raises:
        UsageError: see the module's text.
    """
    if not settings.path:
        raise UsageError("manifest.path must be given: a list of URLs, or a folder of images")
    names: list[str] | None = None
    mapping = ColumnMap({}, frozenset())
    for block in _blocks(kind_of(settings, base), settings, base):
        # Records need not all have the same keys, so the first block decides; tables say their columns each time.
        if block.rows and (names is None or (block.records is None and block.names() != names)):
            names = block.names()
            mapping = find_columns(names, settings, local=block.urls is not None)
        yield to_batch(block, mapping, settings) if block.rows else _only_bad(block, settings)


def _only_bad(block: Block, settings: ManifestSettings) -> ManifestBatch:
    none = pa.RecordBatch.from_pylist([], schema=SOURCE_SCHEMA)
    return ManifestBatch(none, rejected_batch(block.bad, settings.label), ())


def kind_of(settings: ManifestSettings, base: str = "") -> Kind:
    """The manifest's format: as the recipe says, or by the name.

    Raises:
        UsageError: a name that says nothing.
    """
    if settings.format != "auto":
        return settings.format
    path = resolve(settings.path, base)
    ending = suffix(path)
    for kind, endings in _SUFFIXES.items():
        if ending in endings:
            return kind  # type: ignore[return-value]  # the table's keys are Kinds
    fs, plain = filesystem(path)
    if fs.isdir(plain) or any(c in path for c in "*?["):
        return "folder"
    raise UsageError(
        f"manifest {settings.label}: cannot tell what {path} is; there is no such folder, and no format goes by its "
        "name: set manifest.format"
    )


def _blocks(kind: Kind, settings: ManifestSettings, base: str) -> Iterator[Block]:
    from million_ird.manifest import archive, delimited, folder, huggingface, tabular, textual

    if kind == "huggingface":
        local = resolve(settings.path, base)
        exists = filesystem(local)[0].isdir(filesystem(local)[1]) if "://" not in settings.path else False
        return huggingface.read_huggingface(local if exists else settings.path, settings)
    path = resolve(settings.path, base)
    if kind == "folder":
        return folder.read_folder(path, settings)
    files = files_below(path, _SUFFIXES[kind])
    if kind == "parquet":
        return tabular.read_parquet(path, files, settings)
    if kind == "webdataset":
        return archive.read_webdataset(path, files, settings)
    if kind in ("csv", "tsv"):
        return delimited.read_delimited(files, settings, tabs=kind == "tsv")
    readers = {"jsonl": textual.read_json_lines, "json": textual.read_json_array, "text": textual.read_text}
    return readers[kind](files)
