"""Parquet: a column of URLs, or a column that holds the images' bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from million_ird.errors import UsageError
from million_ird.manifest.blocks import BLOCK_ROWS, Block
from million_ird.manifest.columns import find_columns
from million_ird.manifest.files import explained, fixed_part, open_raw, relative_to
from million_ird.manifest.local import PARQUET
from million_ird.manifest.settings import ManifestSettings


def read_parquet(path: str, files: list[str], settings: ManifestSettings) -> Iterator[Block]:
    """Blocks of the rows of all files, numbered through. Columns of bytes are not read: they are no provenance."""
    first_row = 0
    root = path if files[0].startswith(path + "/") else fixed_part(path)
    for file in files:
        origin = relative_to(root, file)
        with explained(file), open_raw(file) as raw, pq.ParquetFile(raw) as table:
            mapping = find_columns(table.schema_arrow.names, settings)
            image = mapping.names.get("image", "") if "url" not in mapping.names else ""
            if image and not _holds_bytes(table.schema_arrow.field(image).type):
                raise UsageError(f"manifest {settings.label}: column {image!r} of {file} holds no image bytes")
            named = set(mapping.names.values()) - {image}  # a URL may well be stored as bytes
            wanted = [
                column.name
                for column in table.schema_arrow
                if column.name in named or not (column.name in mapping.drop or _holds_bytes(column.type))
            ]
            in_file = 0
            for count, columns in _batches(table, wanted):
                block = Block(rows=range(first_row + in_file, first_row + in_file + count), columns=columns)
                if image:
                    block.urls = [f"{image}/{row}" for row in range(in_file, in_file + count)]
                    block.roots = [PARQUET + file] * count
                    block.origins = [f"{settings.key_prefix}{origin}/{url}" for url in block.urls]
                yield block
                in_file += count
        first_row += in_file


def _batches(table: pq.ParquetFile, wanted: list[str]) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """Number of rows and the wanted columns of each batch."""
    if wanted:
        for batch in table.iter_batches(BLOCK_ROWS, columns=wanted, use_threads=False):
            yield batch.num_rows, {name: _values(batch.column(name)) for name in batch.schema.names}
    else:
        for start in range(0, table.metadata.num_rows, BLOCK_ROWS):
            yield min(BLOCK_ROWS, table.metadata.num_rows - start), {}


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return "bytes" in [kind.field(i).name for i in range(kind.num_fields)]
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _values(column: pa.Array) -> list[Any]:
    """Python values; text that is no valid UTF-8 gets replacement characters instead of an exception."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        binary = column.cast(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary())
        return [None if value is None else value.decode("utf-8", "replace") for value in binary.to_pylist()]
