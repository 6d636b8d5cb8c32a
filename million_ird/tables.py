"""Tables and their memory: reading Parquet whole, in the calling thread, and giving back what tables took.

`pyarrow.parquet.read_table` scans with threads of its own, and a process that ends soon after it can be aborted by
them (apache/arrow issue 34314); a command must not fail after its work is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def read_parquet(
    file: BinaryIO | Path, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """A table, or some of its columns, or the rows of it for which `where` holds."""
    with pq.ParquetFile(file) as parquet:
        table = parquet.read(columns=None if columns is None else list(columns), use_threads=False)
    return table if where is None else table.filter(where)


def give_back() -> None:
    """Has pyarrow's allocator return what it keeps of freed tables. Where many of changing sizes pass by, that adds up
    to several of them, and to most of what a process takes."""
    pa.default_memory_pool().release_unused()
