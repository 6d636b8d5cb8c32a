"""Reading a dataset: its rows, its patches by key, and an iterator.

from million_ird import open_dataset

dataset = open_dataset("my-ird")
for batch in dataset.patch_rows(["key", "flat_fraction"]): ...
row, data = dataset.patch("5f0c…-y00000-x00512-s0512")
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from million_ird.errors import DatasetError
from million_ird.image_keys import KeySet
from million_ird.layout import DATASET, DUPLICATES, IMAGES, PATCHES, PLAN, plan_folder, shard_stem, sources_marker
from million_ird.markers import Marker, read_marker
from million_ird.records import DUPLICATE_SCHEMA, FORMAT_VERSION
from million_ird.shards import Member, read_member
from million_ird.store import Store
from million_ird.tables import read_parquet

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shard:
    """One finished shard: names of its files (`tar` is "" where every candidate was rejected), and its kept patches."""

    encoding: str
    tar: str
    rows: str
    marker: str
    patches: int
    nbytes: int


def open_dataset(url: str) -> Dataset:
    """Opens a built (or half-built) dataset: a folder or any fsspec URL.

    Raises:
        DatasetError: there is none at `url`, or one of another major format version.
    """
    store = Store(url)
    try:
        info = json.loads(store.read(DATASET))
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(f"no dataset at {store.url}: there is no {DATASET}") from None
    except ValueError as error:
        raise DatasetError(f"{store.path(DATASET)} is damaged: {error}") from error
    if not isinstance(info, dict):
        raise DatasetError(f"{store.path(DATASET)} is damaged: it holds no object")
    version = str(info.get("format_version", "?"))
    if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise DatasetError(
            f"{store.url} has format version {version}; this program reads {FORMAT_VERSION.split('.')[0]}.x. "
            "Install the version of million-ird that wrote it."
        )
    return Dataset(store, info)


class Dataset:
    """A dataset opened for reading. Tables come as Arrow record batches, one Parquet file at a time."""

    def __init__(self, store: Store, info: dict[str, Any]) -> None:
        self.store = store
        self.info = info
        self.url = store.url

    @property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe the dataset is built with."""
        recipe: dict[str, Any] = self.info["recipe"]
        return recipe

    def generations(self) -> list[int]:
        """Numbers of the planned generations, in order."""
        names = [name for name in self.store.list(PLAN) if name.endswith("/sources.json")]
        return sorted(int(name.split("/")[1].removeprefix("g")) for name in names)

    def image_markers(self, generation: int | None = None) -> list[Marker]:
        """Markers of the finished fetch units, of one generation or all."""
        prefix = f"{IMAGES}/" if generation is None else f"{IMAGES}/g{generation:03d}-"
        names = [name for name in self.store.list(IMAGES) if name.startswith(prefix) and name.endswith(".json")]
        return [marker for name in names if (marker := read_marker(self.store, name)) is not None]

    def image_rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of every image, kept or not. A retried image appears once, as its newest generation left it.

        `columns` chooses columns (`key` always comes along); those that a table lacks are left out.
        """
        retried: list[pa.Array] = []
        for generation in reversed(self.generations()):
            superseded = KeySet(retried)
            for batch in self.image_rows_of(generation, columns):
                yield batch.filter(pc.invert(superseded.holds(batch["key"])))
            retried += self._retried_keys(generation)

    def image_rows_of(self, generation: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of the images that one generation fetched, kept or not, in unit order."""
        wanted = None if columns is None else ["key", *(name for name in columns if name != "key")]
        for marker in self.image_markers(generation):
            table = marker.named(".parquet")
            if table is not None:
                yield from self._batches(table.name, wanted)

    def rejected_sources(self) -> Iterator[pa.RecordBatch]:
        """Manifest rows that were never fetched: malformed ones and duplicate URLs."""
        for generation in self.generations():
            marker = read_marker(self.store, sources_marker(generation))
            if marker is not None and (table := marker.named("rejected.parquet")) is not None:
                yield from self._batches(table.name, None)

    def duplicates(self) -> pa.Table:
        """The table of duplicates and benchmark matches (`DUPLICATE_SCHEMA`); empty before that step ran."""
        if not self.store.exists(DUPLICATES):
            return DUPLICATE_SCHEMA.empty_table()
        with self._opened(DUPLICATES) as file:
            return read_parquet(file)

    def duplicate_rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of `duplicates`, or some columns of them, without holding all."""
        if self.store.exists(DUPLICATES):
            yield from self._batches(DUPLICATES, columns)

    def shard_markers(self) -> list[Marker]:
        """Markers of the finished shards, by encoding and number."""
        names = [name for name in self.store.list(PATCHES) if name.endswith(".json")]
        return [marker for name in names if (marker := read_marker(self.store, name)) is not None]

    def shards(self) -> list[Shard]:
        """Finished shards, by encoding and number."""
        return [_shard(marker) for marker in self.shard_markers()]

    def patch_rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of every candidate patch, kept or not."""
        for shard in self.shards():
            yield from self._batches(shard.rows, columns)

    def patch(self, key: str) -> tuple[Row, bytes]:
        """A kept patch's row and its encoded bytes, by one range request. `KeyError` if there is none of that key."""
        for rows in self._shards_of(key.split("-")[0]):
            with self._opened(rows) as file:
                found = read_parquet(file, where=(pc.field("key") == key) & pc.field("kept")).to_pylist()
            if found:
                return found[0], self.patch_bytes(found[0])
        raise KeyError(key)

    def _shards_of(self, image: str) -> Iterator[str]:
        """Names of the finished patch tables that may hold an image: each shard plan knows its shards' key ranges."""
        for generation in self.generations():
            plan = f"{plan_folder(generation)}/patches.parquet"
            if not self.store.exists(plan):
                continue
            with self.store.open(plan) as file, pq.ParquetFile(file) as table:
                column = table.schema_arrow.names.index("key")
                for group in range(table.num_row_groups):
                    keys = table.metadata.row_group(group).column(column).statistics
                    if keys is None or not keys.has_min_max or keys.min <= image <= keys.max:
                        place = table.read_row_group(group, ["encoding", "shard"], use_threads=False)
                        rows = f"{shard_stem(place['encoding'][0].as_py(), place['shard'][0].as_py())}.parquet"
                        if self.store.exists(rows):
                            yield rows

    def patch_bytes(self, row: Row) -> bytes:
        """The encoded bytes that a kept patch row points to, checked."""
        return read_member(self.store, row["tar"], Member(row["member"], row["offset"], row["size"], row["checksum"]))

    def image_bytes(self, row: Row) -> bytes:
        """The bytes of an image as they were fetched. `DatasetError` if they were not kept."""
        if not row["tar"]:
            raise DatasetError(f"the bytes of image {row['key']} were not kept (images.keep_images in the recipe)")
        return read_member(self.store, row["tar"], Member(row["member"], row["offset"], row["size"], row["checksum"]))

    def __iter__(self) -> Iterator[tuple[Row, bytes]]:
        """Every kept patch: its row and its encoded bytes, shard after shard."""
        for batch in self.patch_rows():
            for row in batch.to_pylist():
                if row["kept"]:
                    yield row, self.patch_bytes(row)

    def _batches(self, name: str, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        with self._opened(name) as file:
            table = pq.ParquetFile(file)
            present = None if columns is None else [column for column in columns if column in table.schema_arrow.names]
            yield from table.iter_batches(columns=present, use_threads=False)

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        """A published table, opened; `DatasetError` where it is missing or damaged."""
        try:
            with self.store.open(name) as file:
                yield file
        except (OSError, pa.ArrowException) as error:
            what = "missing" if isinstance(error, FileNotFoundError) else "damaged"
            raise DatasetError(
                f"{self.store.path(name)} is {what}: `million-ird verify {self.url}` names all such files"
            ) from error

    def _retried_keys(self, generation: int) -> list[pa.Array]:
        """Keys that a generation planned anew, which makes their older rows void."""
        marker = read_marker(self.store, sources_marker(generation))
        table = marker.named("retried.parquet") if marker is not None else None
        return [] if table is None else [batch["key"] for batch in self._batches(table.name, ["key"])]


def _shard(marker: Marker) -> Shard:
    tar, rows = marker.named(".tar"), marker.named(".parquet")
    if rows is None:
        raise DatasetError(f"the marker of {marker.unit} names no table")
    encoding = marker.unit.split("/")[1]
    counts = marker.counts
    return Shard(encoding, tar.name if tar else "", rows.name, f"{marker.unit}.json", counts["kept"], counts["bytes"])
