"""From manifests to fetch units: one external sort, then Parquet files of which one unit is one row group.

The manifests are streamed once into a spill folder. DuckDB, within the memory it is given, finds repeated sources,
counts hosts and sorts the rows by unit. What is written is a pure function of the manifests and the settings: the
order of the rows decides every tie, never a thread.

How rows get to units: rows with local bytes stay in manifest order, so that a unit reads a tar or folder in one run.
Of the others, hosts with few rows are gathered (a host's rows stay together), hosts with many are cut into pieces;
pieces are dealt round the units like cards. So a unit talks to many hosts, a small host is met by one worker only, and
a large one never blocks a unit.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from million_ird.errors import DatasetError, MillionIrdError, UsageError
from million_ird.manifest import ManifestBatch, ManifestSettings, read_manifest
from million_ird.records import REJECTED_SOURCE_SCHEMA, SOURCE_SCHEMA
from million_ird.store import Store

UNITS_PER_FILE = 100
"""Units in one Parquet file: about 100,000 rows, so a plan of 10,000 units has 100 files."""
SUMMARY = "summary.json"
REJECTED = "rejected.parquet"
HOSTS = "hosts.parquet"
HOST_SCHEMA = pa.schema([("host", pa.string()), ("rows", pa.int64()), ("units", pa.int64())])
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


@dataclass(frozen=True)
class PlanSettings:
    """How planned rows are cut into fetch units: the recipe's section `[plan]`."""

    unit_rows: int = 1000
    """Rows in a fetch unit. A thousand photographs take minutes: long against starting a unit, short against losing
    one."""
    max_units: int = 10_000
    """Most fetch units; a longer manifest gets larger units, so that folders and listings stay usable."""

    def __post_init__(self) -> None:
        for name in ("unit_rows", "max_units"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class PlanSummary:
    """What a plan holds; rows = planned + the sum of rejected."""

    rows: int
    """Rows of all manifests."""
    planned: int
    """Rows that became part of a unit."""
    rejected: dict[str, int]
    """Reason → rows."""
    sources: dict[str, int]
    """Name of the manifest → its rows, in the recipe's order."""
    first_unit: int
    units: int
    """Units first_unit … first_unit + units − 1."""
    unit_rows: int
    """Rows a unit was planned for."""
    local_rows: int
    """Planned rows whose bytes are local files or members."""
    hosts: int
    shared_hosts: int
    """Hosts whose rows lie in more than one unit."""
    largest_host: str
    largest_host_rows: int
    sized_rows: int
    """Accepted rows whose manifest states width and height."""
    sized_pixels: int
    """Sum of width × height over those rows."""
    files: list[str] = field(default_factory=list)
    """Files of the plan, relative to its folder, this summary excluded."""


def plan_sources(
    manifests: Sequence[ManifestSettings],
    settings: PlanSettings,
    out: Path,
    spill: Path,
    *,
    base: str = "",
    memory_gb: float = 1.0,
    existing_keys: Iterable[pa.Array] = (),
    first_unit: int = 0,
    progress: Callable[[int], None] | None = None,
) -> PlanSummary:
    """Plans the fetch units of one generation.

    Args:
        manifests: the recipe's manifests, in its order; of equal sources the first row stays.
        settings: the recipe's section `[plan]`.
        out: an empty local folder; gets `units-*.parquet`, `rejected.parquet`, `hosts.parquet`, `summary.json`.
        spill: a local scratch folder; may grow to about three times the manifests' size.
        base: folder that relative manifest paths belong to.
        memory_gb: memory of the sort; beyond it, it spills.
        existing_keys: image keys of earlier generations, in pieces; such rows are rejected as `already_planned`.
        first_unit: number of the first unit, for later generations.
        progress: called with the number of rows read so far.

    Raises:
        UsageError: a manifest cannot be read, or two manifests carry one name.
        MillionIrdError: two different sources have one key.
    """
    names = [manifest.label for manifest in manifests]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise UsageError(f"manifest: two are named {repeated[0]!r}; give each its own manifest.name")
    if not manifests:
        raise UsageError("manifest.path must be given: a list of URLs, or a folder of images")
    batches = ((number, batch) for number, manifest in enumerate(manifests) for batch in read_manifest(manifest, base))
    return plan_batches(
        batches,
        names,
        settings,
        out,
        spill,
        memory_gb=memory_gb,
        existing_keys=existing_keys,
        first_unit=first_unit,
        progress=progress,
    )


def plan_batches(
    batches: Iterable[tuple[int, ManifestBatch]],
    names: Sequence[str],
    settings: PlanSettings,
    out: Path,
    spill: Path,
    *,
    memory_gb: float = 1.0,
    existing_keys: Iterable[pa.Array] = (),
    first_unit: int = 0,
    progress: Callable[[int], None] | None = None,
) -> PlanSummary:
    """Plans rows that come as batches, each with the position of its manifest in `names`; else like `plan_sources`."""
    reading = _read_all(batches, spill, progress)
    with _Sorter(spill, memory_gb) as sorter:
        sorter.find_repeated(existing_keys)
        sorter.assign_units(settings)
        unit_files = _write_units(sorter.sorted_rows(), out, first_unit)
        _write_table(sorter.hosts(), HOST_SCHEMA, out / HOSTS)
        rejected = _write_table(sorter.rejected(names), REJECTED_SOURCE_SCHEMA, out / REJECTED)
        summary = PlanSummary(
            rows=sum(reading.rows.values()),
            rejected=dict(sorted(rejected.items())),
            sources={name: reading.rows[i] for i, name in enumerate(names)},
            first_unit=first_unit,
            units=unit_files.units,
            sized_rows=reading.sized_rows,
            sized_pixels=reading.sized_pixels,
            files=[*unit_files.names, HOSTS, REJECTED],
            **sorter.counts(),
        )
    (out / SUMMARY).write_text(json.dumps(asdict(summary), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return summary


def read_summary(store: Store, folder: str) -> PlanSummary:
    """The summary of the plan in a folder of the store."""
    try:
        return PlanSummary(**json.loads(store.read(f"{folder}/{SUMMARY}")))
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{store.url}/{folder}/{SUMMARY} is damaged: {error}") from None


def read_unit(store: Store, folder: str, unit: int) -> pa.Table:
    """The planned rows of one fetch unit (SOURCE_SCHEMA), in their fixed order.

    Raises:
        FileNotFoundError: there is no such unit in this plan.
        DatasetError: the file is damaged.
    """
    name = f"{folder}/{_unit_file(unit)}"
    try:
        with store.open(name) as file, pq.ParquetFile(file) as table:
            first = int(table.schema_arrow.metadata[b"first_unit"])
            if not first <= unit < first + table.num_row_groups:
                raise FileNotFoundError(f"no unit {unit} in {name}")
            return table.read_row_group(unit - first).replace_schema_metadata(None)
    except (pa.ArrowException, KeyError, TypeError) as error:
        raise DatasetError(f"{store.url}/{name} is damaged: {error}") from None


def read_shared_hosts(store: Store, folder: str) -> frozenset[str]:
    """Hosts that more than one unit of the plan talks to, so that workers must share their limits."""
    with store.open(f"{folder}/{HOSTS}") as file:
        hosts = pq.read_table(file, columns=["host"], filters=[("units", ">", 1)])
    return frozenset(hosts["host"].to_pylist())


@dataclass
class _Reading:
    """What was counted while the manifests streamed by."""

    rows: Counter[int] = field(default_factory=Counter)
    accepted: int = 0
    local: int = 0
    sized_rows: int = 0
    sized_pixels: int = 0


def _read_all(
    batches: Iterable[tuple[int, ManifestBatch]], spill: Path, progress: Callable[[int], None] | None
) -> _Reading:
    """Streams every batch into `sources.parquet` and `rejected.parquet` of the spill folder."""
    reading = _Reading()
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
    return reading


def _numbered(batch: ManifestBatch, manifest: int, reading: _Reading) -> pa.RecordBatch:
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


class _Sorter:
    """DuckDB over the spilled rows. Every query's order is complete, so threads change nothing."""

    def __init__(self, spill: Path, memory_gb: float) -> None:
        import duckdb

        self._error = duckdb.Error
        self._spill = spill
        self._db = duckdb.connect(str(spill / "plan.duckdb"))
        self._db.execute(f"SET memory_limit = '{round(memory_gb * 1000)}MB'")
        self._db.execute(f"SET temp_directory = {_quoted(spill / 'sort')}")
        for name in ("sources", "rejected"):
            path = _quoted(spill / f"{name}.parquet")
            self._db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({path})")
        self._facts: dict[str, Any] = {}

    def __enter__(self) -> _Sorter:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

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

    def assign_units(self, settings: PlanSettings) -> None:
        """Fills `hosts`: what is needed to tell the unit of every row that has one."""
        self._db.execute(
            "CREATE VIEW planned AS SELECT * FROM sources WHERE ordinal NOT IN (SELECT ordinal FROM dropped)"
        )
        planned, local, last = self._one("SELECT count(*), count(*) FILTER (host = ''), max(slot) FROM planned")
        rows = max(settings.unit_rows, math.ceil(planned / settings.max_units))
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


@dataclass
class _UnitFiles:
    units: int
    names: list[str]


def _write_units(batches: Iterator[pa.RecordBatch], out: Path, first_unit: int) -> _UnitFiles:
    """One row group per unit, numbered without gaps from `first_unit`."""
    number, names = first_unit, []
    writer: pq.ParquetWriter | None = None
    for rows in _units(batches):
        name = _unit_file(number)
        if name not in names:
            if writer is not None:
                writer.close()
            names.append(name)
            schema = SOURCE_SCHEMA.with_metadata({"first_unit": str(number)})
            writer = pq.ParquetWriter(out / name, schema, compression="zstd", write_statistics=False)
        assert writer is not None
        writer.write_table(rows.cast(writer.schema), row_group_size=max(1, rows.num_rows))
        number += 1
    if writer is not None:
        writer.close()
    return _UnitFiles(number - first_unit, names)


def _units(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Splits the ordered rows where the provisional unit changes."""
    parts: list[pa.RecordBatch] = []
    current: int | None = None
    for batch in batches:
        units = batch.column("unit").to_numpy()
        starts = [0, *(np.flatnonzero(np.diff(units)) + 1).tolist(), len(units)]
        rows = batch.drop_columns(["unit"])
        for start, end in pairwise(starts):
            if start == end:
                continue
            if parts and units[start] != current:
                assert units[start] > current, "the sort gave its rows out of order"
                yield pa.Table.from_batches(parts).combine_chunks()
                parts = []
            current = int(units[start])
            parts.append(rows.slice(start, end - start))
    if parts:
        yield pa.Table.from_batches(parts).combine_chunks()


def _write_table(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> Counter[str]:
    """Writes the batches in row groups of fixed size; returns how often each `reason` occurs, if there is one."""
    reasons: Counter[str] = Counter()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
            if "reason" in schema.names:
                reasons.update(batch.column("reason").to_pylist())
    return reasons


def _unit_file(unit: int) -> str:
    return f"units-{unit // UNITS_PER_FILE:05d}.parquet"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _collision(url: str, root: str, other: str, other_root: str) -> str:
    if root or other_root:
        return (
            f"{root}/{url} and {other_root}/{other} have the same path below their folders and would share an image"
            " key: give one manifest a key_prefix"
        )
    return f"{url} and {other} have the same image key, which should not happen: leave one of them out"
