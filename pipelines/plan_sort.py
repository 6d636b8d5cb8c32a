"""Sorting a manifest that does not fit in memory: spilled rows, repeated sources, hosts, units.

The rows of all manifests are streamed into two Parquet files of a scratch folder. DuckDB, within the memory it is
given, finds repeated sources, counts hosts, tells each row its unit and sorts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from million_ird.errors import MillionIrdError, StoreError
from million_ird.manifest import ManifestBatch
from million_ird.manifest.blocks import shorten
from million_ird.records import REJECTED_SOURCE_SCHEMA, SOURCE_SCHEMA
from million_ird.tables import give_back

_PIECES = 8
"""Pieces that a unit is dealt: at most an eighth of a unit is one host's, while there are hosts enough."""
_SPILL_SCHEMA = pa.schema(
    [
        *SOURCE_SCHEMA,
        pa.field("ordinal", pa.int64()),  # position among all accepted rows of all manifests
        pa.field("slot", pa.int64()),  # position among the local ones; null for rows with a host
        pa.field("row", pa.int64()),  # position in its manifest
        pa.field("manifest", pa.int32()),
        pa.field("hash", pa.uint64()),  # the first 16 digits of the key
    ]
)
_SPILL_REJECTED_SCHEMA = pa.schema([*REJECTED_SOURCE_SCHEMA, pa.field("manifest", pa.int32())])


@dataclass
class Reading:
    """What was counted while the manifests streamed by."""

    rows: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    local: int = 0
    sized_rows: int = 0
    sized_pixels: int = 0


def read_all(
    batches: Iterable[tuple[int, ManifestBatch]], spill: Path, progress: Callable[[int], None] | None
) -> Reading:
    """Streams every batch into `sources.parquet` and `rejected.parquet` of the spill folder."""
    reading = Reading()
    with (
        pq.ParquetWriter(spill / "sources.parquet", _SPILL_SCHEMA, compression="lz4") as sources,
        pq.ParquetWriter(spill / "rejected.parquet", _SPILL_REJECTED_SCHEMA, compression="lz4") as rejected,
    ):
        for number, batch in batches:
            reading.rows[number] += batch.sources.num_rows + batch.rejected.num_rows
            if batch.sources.num_rows:
                sources.write_batch(_numbered(batch, number, reading))
            if batch.rejected.num_rows:
                where = pa.array(np.full(batch.rejected.num_rows, number, np.int32))
                columns = [*batch.rejected.columns, where]
                rejected.write_batch(pa.RecordBatch.from_arrays(columns, schema=_SPILL_REJECTED_SCHEMA))
            if progress is not None:
                progress(sum(reading.rows.values()))
            give_back()
    return reading


def _numbered(batch: ManifestBatch, manifest: int, reading: Reading) -> pa.RecordBatch:
    """A batch with its positions and hashes; counts it."""
    count = batch.sources.num_rows
    ordinals = np.arange(reading.accepted, reading.accepted + count)
    is_local = pc.equal(batch.sources["host"], "").to_numpy(zero_copy_only=False)
    slots = reading.local + np.cumsum(is_local) - 1
    reading.accepted += count
    reading.local += int(is_local.sum())
    pixels = pc.multiply(
        batch.sources["manifest_width"].cast(pa.int64()), batch.sources["manifest_height"].cast(pa.int64())
    )
    reading.sized_rows += count - pixels.null_count
    reading.sized_pixels += pc.sum(pixels).as_py() or 0
    columns = [
        *batch.sources.columns,
        pa.array(ordinals, pa.int64()),
        pa.array(slots, pa.int64(), mask=~is_local),
        pa.array(batch.rows, pa.int64()),
        pa.array(np.full(count, manifest, np.int32)),
        pa.array(_hashes(batch.sources["key"]), pa.uint64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_SPILL_SCHEMA)


def _hashes(keys: pa.Array) -> np.ndarray[Any, np.dtype[np.uint64]]:
    digits = bytes.fromhex("".join(keys.to_pylist()))
    return np.frombuffer(digits, np.uint8).reshape(len(keys), -1)[:, :8].copy().view(">u8").ravel().astype(np.uint64)


class Sorter:
    """DuckDB over the spilled rows. Every query's order is complete, so threads change nothing."""

    def __init__(self, spill: Path, memory_gb: float) -> None:
        import duckdb

        if "?" in str(spill):
            raise StoreError(f"DuckDB, which sorts the plan, cannot work in {spill}: choose a place without '?'")
        self._failure, self._spill = duckdb.Error, spill
        self._facts: dict[str, Any] = {}
        try:
            self._db = duckdb.connect(str(spill / "plan.duckdb"))
            self._db.execute(f"SET memory_limit = '{round(memory_gb * 1000)}MB'")
            self._db.execute("SET enable_progress_bar = false")
            self._db.execute(f"SET temp_directory = {_quoted(str(spill / 'sort'))}")
            for name in ("sources", "rejected"):
                path = _quoted(escape(str(spill / f"{name}.parquet")))  # read_parquet takes patterns
                self._db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({path})")
        except duckdb.Error as error:
            raise self._failed(error) from None

    def __enter__(self) -> Sorter:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._db.close()
        if isinstance(error, self._failure):
            raise self._failed(error) from None

    def _failed(self, error: BaseException) -> StoreError:
        return StoreError(
            f"the planning sort failed in {self._spill}: {shorten(str(error))}; free some disk space there, or give it "
            "more memory with execution.spill_gb"
        )

    def _one(self, query: str) -> tuple[Any, ...]:
        """The first row of a result, or () if it is empty."""
        rows = self._db.sql(query).fetchall()
        return tuple(rows[0]) if rows else ()

    def find_repeated(self, existing_keys: Iterable[pa.Array]) -> None:
        """Fills `dropped` (ordinal, reason, first): rows that an earlier row or generation has already."""
        self._db.execute("CREATE TABLE existing (key VARCHAR)")
        for keys in existing_keys:
            piece = pa.table({"key": keys})  # noqa: F841  # DuckDB finds it by its name
            self._db.execute("INSERT INTO existing SELECT key FROM piece")
        # Grouping 8-byte hashes is far cheaper than grouping keys; the few groups found are then compared in full.
        self._db.execute(
            "CREATE TABLE repeated AS"
            " SELECT ordinal, manifest, row, key, url, source_root, min(ordinal) OVER same AS first"
            " FROM sources SEMI JOIN (SELECT hash FROM sources GROUP BY hash HAVING count(*) > 1) USING (hash)"
            " WINDOW same AS (PARTITION BY key)"
        )
        collision = self._one(
            "SELECT b.url, b.source_root, a.url, a.source_root FROM repeated b JOIN repeated a ON a.ordinal = b.first"
            " WHERE (a.url, a.source_root) <> (b.url, b.source_root) ORDER BY b.ordinal LIMIT 1"
        )
        if collision:
            raise MillionIrdError(_collision(*collision))
        self._db.execute(
            "CREATE TABLE dropped AS"
            " SELECT ordinal, 'already_planned' AS reason, NULL::BIGINT AS first"
            " FROM sources SEMI JOIN existing USING (key)"
        )
        self._db.execute(
            "INSERT INTO dropped SELECT ordinal, 'duplicate', first FROM repeated"
            " WHERE ordinal <> first AND ordinal NOT IN (SELECT ordinal FROM dropped)"
        )

    def assign_units(self, rows_for: Callable[[int], int]) -> None:
        """Fills `hosts`: what is needed to tell the unit of every row that has one.

        `rows_for` gives the rows of a unit for the number of planned rows.
        """
        self._db.execute(
            "CREATE VIEW planned AS SELECT * FROM sources WHERE ordinal NOT IN (SELECT ordinal FROM dropped)"
        )
        planned, local, last = self._one("SELECT count(*), count(*) FILTER (host = ''), max(slot) FROM planned")
        rows = rows_for(planned)
        self._unit_rows, piece = rows, max(1, rows // _PIECES)
        self._local_units = 0 if last is None else last // rows + 1
        self._host_units = max(1, math.ceil((planned - local) / rows))
        self._db.execute(
            "CREATE TABLE hosts AS"
            " WITH counted AS (SELECT host, count(*) AS rows FROM planned WHERE host <> '' GROUP BY host),"
            f" small AS (SELECT host, rows, 1 AS pieces, (sum(rows) OVER (ORDER BY host) - rows) // {piece} AS piece"
            f"  FROM counted WHERE rows <= {piece}),"
            f" large AS (SELECT host, rows, (rows + {piece - 1}) // {piece} AS pieces FROM counted"
            f"  WHERE rows > {piece})"
            " SELECT host, rows, pieces, piece::BIGINT AS piece FROM small UNION ALL"
            " SELECT host, rows, pieces, (sum(pieces) OVER (ORDER BY host) - pieces"
            "  + (SELECT coalesce(max(piece) + 1, 0) FROM small))::BIGINT FROM large"
        )
        shared, hosts = self._one(
            f"SELECT count(*) FILTER (least(pieces, {self._host_units}) > 1), count(*) FROM hosts"
        )
        largest = self._one("SELECT host, rows FROM hosts ORDER BY rows DESC, host LIMIT 1")
        self._facts = {
            "planned": planned,
            "local_rows": local,
            "unit_rows": rows,
            "hosts": hosts,
            "shared_hosts": shared,
            "largest_host": largest[0] if largest else "",
            "largest_host_rows": largest[1] if largest else 0,
        }

    def counts(self) -> dict[str, Any]:
        return self._facts

    def sorted_rows(self) -> Iterator[pa.RecordBatch]:
        """The planned rows with their provisional unit as the last column, in final order."""
        columns = ", ".join(f"planned.{name}" for name in SOURCE_SCHEMA.names)
        # A large host's piece is a range of hashes, so its rows spread evenly whatever their order was.
        unit = (
            f"CASE WHEN slot IS NOT NULL THEN slot // {self._unit_rows}"
            f" ELSE {self._local_units} + (piece + (((hash >> 32) * pieces) >> 32)::BIGINT) % {self._host_units} END"
        )
        return self._stream(
            f"SELECT {columns}, ({unit})::BIGINT AS unit FROM planned LEFT JOIN hosts ON planned.host = hosts.host"
            " ORDER BY unit, slot, hash, planned.key"
        )

    def hosts(self) -> Iterator[pa.RecordBatch]:
        return self._stream(
            f"SELECT host, rows, least(pieces, {self._host_units})::BIGINT AS units FROM hosts ORDER BY host"
        )

    def rejected(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Unreadable and repeated rows together, in the order of manifests and rows."""
        named = pa.table({"manifest": pa.array(range(len(names)), pa.int32()), "name": list(names)})
        self._db.register("named", named)
        return self._stream(
            "SELECT source, row, url, license, reason, detail FROM (SELECT * FROM rejected UNION ALL"
            " SELECT mine.name, s.row, s.url, s.license,"
            "  CASE WHEN dropped.reason <> 'duplicate' THEN dropped.reason"
            "   WHEN s.host = '' THEN 'duplicate_file' ELSE 'duplicate_url' END,"
            "  CASE WHEN dropped.first IS NULL THEN 'an earlier generation has this image'"
            "   ELSE 'row ' || f.row || ' of ' || theirs.name || ' is the same' END, s.manifest"
            " FROM dropped JOIN sources s USING (ordinal) JOIN named mine ON mine.manifest = s.manifest"
            " LEFT JOIN repeated f ON f.ordinal = dropped.first LEFT JOIN named theirs ON theirs.manifest = f.manifest)"
            " ORDER BY manifest, row"
        )

    def _stream(self, query: str) -> Iterator[pa.RecordBatch]:
        # A relation streams its Arrow batches; a DB-API cursor would copy the whole result first.
        reader: Iterator[pa.RecordBatch] = self._db.sql(query).to_arrow_reader(10_000)
        return reader


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _collision(url: str, root: str, other: str, other_root: str) -> str:
    if root or other_root:
        return (
            f"{root}/{url} and {other_root}/{other} have the same path below their folders and would share an image"
            " key: give one manifest a key_prefix"
        )
    return f"{url} and {other} have the same image key, which should not happen: leave one of them out"
