"""Adding a generation to a dataset: the first one, new manifest rows, or failures to be tried again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from million_ird.dataset import Dataset
from million_ird.image_keys import KeySet
from million_ird.layout import LOG, plan_folder, sources_marker
from million_ird.manifest import ManifestBatch, ManifestSettings
from million_ird.manifest.files import filesystem, resolve
from million_ird.markers import publish, read_marker
from million_ird.records import REJECTED_SOURCE_SCHEMA, SOURCE_SCHEMA
from million_ird.shards import checksum
from million_ird.store import Store
from million_ird.tombstones import read_tombstones
from pipelines.http.reasons import TRANSIENT
from pipelines.plan import PlanSummary, plan_batches, plan_sources
from pipelines.recipe import Recipe
from pipelines.scrub import clean_plan

_SEEN = f"{LOG}/manifests.json"
RETRIED = "retried.parquet"
RETRIED_REASONS = frozenset(reason.value for reason in TRANSIENT) | {"given_up"}
"""Reasons that may pass: what `retry-failed` takes up."""


def plan_generation(store: Store, recipe: Recipe, number: int, say: Callable[[str], None]) -> PlanSummary | None:
    """Plans manifest rows that no earlier generation has, as generation `number`; None if there are none.

    The first generation is always planned, be it of no rows.
    """
    # A hash, since the names of a folder's files are URLs of images, which a takedown must be able to forget.
    seen = checksum(json.dumps([_state(manifest, recipe.base) for manifest in recipe.manifest]).encode())
    if number and store.exists(_SEEN) and store.read(_SEEN).decode() == seen:
        return None
    say("planning: reading the manifests" if number == 0 else "looking for new rows in the manifests")
    with store.spool() as out, store.spool() as spill:
        summary = plan_sources(
            recipe.manifest,
            recipe.plan,
            out,
            spill,
            base=recipe.base,
            memory_gb=recipe.execution.spill_gb,
            existing_keys=_planned_keys(store, number),
            first_unit=_first_unit(store, number),
        )
        if number == 0 or summary.planned:
            clean_plan(out, read_tombstones(store).keys)
            _publish(store, number, out, summary)
    store.write(_SEEN, seen.encode())
    return summary if number == 0 or summary.planned else None


def plan_retry(dataset: Dataset, recipe: Recipe) -> PlanSummary | None:
    """Plans every image that failed for a reason that may pass as a new generation; None if there is none."""
    store, number = dataset.store, len(dataset.generations())
    with store.spool() as out, store.spool() as spill:
        keys: list[pa.Array] = []
        summary = plan_batches(
            _failed(dataset, keys),
            ["retry"],
            recipe.plan,
            out,
            spill,
            memory_gb=recipe.execution.spill_gb,
            first_unit=_first_unit(store, number),
        )
        if not summary.planned:
            return None
        pq.write_table(pa.table({"key": KeySet(keys).column()}), out / RETRIED, compression="zstd")
        _publish(store, number, out, summary)
    return summary


def _failed(dataset: Dataset, keys: list[pa.Array]) -> Iterator[tuple[int, ManifestBatch]]:
    """The sources of the failed images, as the batches of one manifest; their keys are added to `keys`."""
    reasons = pa.array(sorted(RETRIED_REASONS))
    none = pa.RecordBatch.from_pylist([], schema=REJECTED_SOURCE_SCHEMA)
    read = 0
    for batch in dataset.image_rows([*SOURCE_SCHEMA.names, "step", "reason"]):
        failed = batch.filter(pc.and_(pc.equal(batch["step"], "fetch"), pc.is_in(batch["reason"], value_set=reasons)))
        sources = failed.select(SOURCE_SCHEMA.names).cast(SOURCE_SCHEMA)
        keys.append(sources["key"])
        rows = range(read, read + sources.num_rows)
        read += sources.num_rows
        yield 0, ManifestBatch(sources, none, rows)


def _publish(store: Store, number: int, out: Path, summary: PlanSummary) -> None:
    names = sorted(path.name for path in out.iterdir())
    files = [(out / name, f"{plan_folder(number)}/{name}") for name in names]
    counts = {
        "rows": summary.rows if RETRIED not in names else 0,  # a row that is tried again was counted already
        "planned": summary.planned,
        "rejected": sum(summary.rejected.values()),
        "hosts": summary.hosts,
        "first_unit": summary.first_unit,
        "units": summary.units,
    }
    publish(store, sources_marker(number), plan_folder(number), files, counts)


def _first_unit(store: Store, number: int) -> int:
    """The number after the last unit of the earlier generations."""
    if number == 0:
        return 0
    marker = read_marker(store, sources_marker(number - 1))
    return marker.counts["first_unit"] + marker.counts["units"] if marker else 0


def _planned_keys(store: Store, number: int) -> Iterator[pa.Array]:
    """Image keys of all earlier generations, one row group at a time."""
    for earlier in range(number):
        marker = read_marker(store, sources_marker(earlier))
        for file in marker.files if marker else ():
            if "/units-" in file.name:
                with store.open(file.name) as stream:
                    for batch in pq.ParquetFile(stream).iter_batches(columns=["key"], use_threads=False):
                        yield batch["key"]


def _state(manifest: ManifestSettings, base: str) -> list[list[str]]:
    """What tells cheaply whether a manifest may have changed: names, sizes and times of its files."""
    if manifest.format == "huggingface":
        return [[manifest.path, manifest.configuration, manifest.split]]
    fs, path = filesystem(resolve(manifest.path, base))
    try:
        found = fs.glob(path, detail=True) if any(letter in path for letter in "*?[") else fs.find(path, detail=True)
    except OSError:
        return [[path, "unreadable"]]  # reading the manifest itself will say why
    facts = ("size", "mtime", "LastModified", "ETag")
    return [[name, *(str(info[fact]) for fact in facts if fact in info)] for name, info in sorted(found.items())]
