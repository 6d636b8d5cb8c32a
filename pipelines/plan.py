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

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from million_ird.errors import DatasetError, UsageError
from million_ird.manifest import ManifestBatch, ManifestSettings, read_manifest
from million_ird.records import REJECTED_SOURCE_SCHEMA, SOURCE_SCHEMA
from million_ird.store import Store
from million_ird.tables import give_back, read_parquet
from pipelines.plan_sort import Sorter, read_all

UNITS_PER_FILE = 100
"""Units in one Parquet file: about 100,000 rows, so a plan of 10,000 units has 100 files."""
SUMMARY = "summary.json"
REJECTED = "rejected.parquet"
HOSTS = "hosts.parquet"
HOST_SCHEMA = pa.schema([("host", pa.string()), ("rows", pa.int64()), ("units", pa.int64())])

_FEWEST_ROWS = 16
"""A unit of fewer rows would cost more to start than to fetch."""


@dataclass(frozen=True)
class PlanSettings:
    """How planned rows are cut into fetch units: the recipe's section `[plan]`."""

    unit_rows: int = 1000
    """Most rows in a fetch unit of a manifest of usual length. A thousand photographs take minutes: long against
    starting a unit, short against losing one."""
    few_units: int = 64
    """A short manifest is cut into about so many units (of at least 16 rows), so that every core has work."""
    max_units: int = 10_000
    """Most fetch units; a longer manifest gets larger units, so that folders and listings stay usable."""

    def __post_init__(self) -> None:
        for name in ("unit_rows", "few_units", "max_units"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def rows_for(self, planned: int) -> int:
        """Rows of a unit, for a manifest of `planned` rows."""
        short = max(_FEWEST_ROWS, math.ceil(planned / self.few_units))
        return max(min(self.unit_rows, short), math.ceil(planned / self.max_units))


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
    reading = read_all(batches, spill, progress)
    with Sorter(spill, memory_gb) as sorter:
        sorter.find_repeated(existing_keys)
        sorter.assign_units(settings.rows_for)
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
            return table.read_row_group(unit - first, use_threads=False).replace_schema_metadata(None)
    except (pa.ArrowException, KeyError, TypeError) as error:
        raise DatasetError(f"{store.url}/{name} is damaged: {error}") from None


def read_shared_hosts(store: Store, folder: str) -> frozenset[str]:
    """Hosts that more than one unit of the plan talks to, so that workers must share their limits."""
    with store.open(f"{folder}/{HOSTS}") as file:
        hosts = read_parquet(file, where=pc.field("units") > 1)
    return frozenset(hosts["host"].to_pylist())


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
        give_back()
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
