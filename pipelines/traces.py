"""Where the tables of a dataset show something of a buried image, and those tables without it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from million_ird.dataset import Dataset
from million_ird.layout import DUPLICATES, IMAGES, PATCHES, sources_marker
from million_ird.markers import read_marker
from million_ird.records import image_key
from million_ird.store import Store
from pipelines.plan import REJECTED

_PLACES = ("key", "encoding", "shard", "source", "row", "reason")
"""Columns of a plan that stay when a row is blanked: what it is called, where it stands and why it was rejected."""

Find = Callable[[pa.RecordBatch], pa.Array]
"""Rows → a boolean for each."""


def planned_rows(store: Store, generation: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The planned rows of a generation, fetched or not."""
    marker = read_marker(store, sources_marker(generation))
    for file in marker.files if marker else ():
        if "/units-" in file.name:
            with store.open(file.name) as stream:
                yield from pq.ParquetFile(stream).iter_batches(columns=list(columns), use_threads=False)


class Traces:
    """Where in which table a buried image shows: by key, and in rejected manifest rows by URL."""

    def __init__(self, keys: Collection[str], urls: Collection[str] = ()) -> None:
        self.keys = frozenset(keys)
        self._buried = pa.array(sorted(keys), pa.string())
        self._urls = frozenset(urls)

    @staticmethod
    def of(dataset: Dataset, keys: Collection[str]) -> Traces:
        """With the URLs of the buried images, as far as the plans still name them."""
        found, alone = set(), Traces(keys)
        for generation in dataset.generations():
            for batch in planned_rows(dataset.store, generation, ["key", "url"]):
                found |= set(batch.filter(alone.named(batch))["url"].to_pylist())
        return Traces(keys, found)

    def find(self, name: str) -> tuple[list[str], Find] | None:
        """For a file of this name: the columns to look at, and which rows are traces. None: it never holds any."""
        base = name.rpartition("/")[2]
        if not base.endswith(".parquet"):
            return None
        if base == DUPLICATES:
            return ["key", "keeper"], lambda rows: pc.or_(self._is_buried(rows["key"]), self._is_buried(rows["keeper"]))
        if base == REJECTED:
            return ["url"], self._rejected
        if name.startswith(f"{PATCHES}/"):
            return ["image_key"], lambda rows: self._is_buried(rows["image_key"])
        if name.startswith(f"{IMAGES}/") or base == "patches.parquet" or base.startswith("units-"):
            return ["key", "url"], self.named
        return None

    def holds(self, store: Store, name: str) -> bool:
        """Whether a published file holds a trace."""
        found = self.find(name)
        if found is None:
            return False
        columns, mask = found
        with store.open(name) as file:
            batches = pq.ParquetFile(file).iter_batches(columns=columns, use_threads=False)
            return any(pc.any(mask(batch)).as_py() for batch in batches)

    def clean(self, name: str, rows: pa.Table) -> pa.Table:
        """The rows of a plan's file without traces; the very same object if there were none."""
        found = self.find(name)
        mask = found[1](rows) if found else pa.array([], pa.bool_())
        if not pc.any(mask).as_py():
            return rows
        return rows.filter(pc.invert(mask)) if name.endswith(DUPLICATES) else _blanked(rows, mask)

    def _is_buried(self, keys: pa.Array) -> pa.Array:
        return pc.is_in(keys, value_set=self._buried)

    def named(self, rows: pa.RecordBatch) -> pa.Array:
        """Rows of buried images that are not blank yet: only blank rows have no URL."""
        return pc.and_(self._is_buried(rows["key"]), pc.not_equal(rows["url"], ""))

    def _rejected(self, rows: pa.RecordBatch) -> pa.Array:
        """Other manifest rows with a buried image's URL."""
        urls = rows["url"].to_pylist()
        return pa.array([bool(url) and (url in self._urls or image_key(url) in self.keys) for url in urls], pa.bool_())


def _blanked(rows: pa.Table, mask: pa.ChunkedArray | pa.Array) -> pa.Table:
    """The rows with every column but `_PLACES` emptied where the mask says so; schema and metadata stay."""
    columns = []
    for field in rows.schema:
        empty = pa.scalar("" if field.type == pa.string() else None, field.type)
        column = rows[field.name]
        columns.append(column if field.name in _PLACES else pc.if_else(mask, empty, column))
    return pa.Table.from_arrays(columns, schema=rows.schema)
