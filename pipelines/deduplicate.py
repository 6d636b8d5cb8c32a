"""Deduplicate: the whole table at once, after fetch and before any shard is planned.

Candidates come from hashes alone and are found on the driver; the pairs are verified on pixels by the workers, in
chunks; clusters and keepers are settled on the driver again. Chunks leave nothing behind: a killed run verifies anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.contamination import BenchmarkTable
from million_ird.dataset import Dataset, Row
from million_ird.duplicates import (
    PAIR_SCHEMA,
    DuplicateSettings,
    benchmark_row,
    candidate_pairs,
    cluster,
    verify_pair,
    with_thumbnails,
)
from million_ird.errors import DatasetError
from million_ird.fingerprint import Transform
from million_ird.layout import DUPLICATES, duplicates_marker, patches_marker, plan_folder
from million_ird.markers import publish
from million_ird.pixels import DecodeSettings, decode, encode_thumbnail, read_header
from million_ird.records import DUPLICATE_SCHEMA, Rejection, image_schema
from million_ird.shards import Member, read_member
from million_ird.store import Store
from pipelines.progress import Progress

if TYPE_CHECKING:
    from pipelines.build import Run

_CHUNK = 32
"""Pairs that a worker verifies at a time: some seconds of work for photographs of 12 megapixels."""
_SHOWN = 60
"""Duplicates of each kind that get thumbnails, for the report."""
_HASHES = ("sha256", "pixel_hash", "phash")
_FACTS = ("width", "height", "nbytes")
_MEMBER = ("tar", "member", "offset", "size", "checksum")


@dataclass(frozen=True)
class PixelJob:
    """What the chunks share. With `bytes_may_be_gone` (`keep_images = none`) an image of an earlier generation whose
    bytes are not there any more makes a pair unverifiable rather than the dataset damaged."""

    store: Store
    decode: DecodeSettings
    duplicates: DuplicateSettings
    bytes_may_be_gone: bool


def deduplicate(run: Run, dataset: Dataset, generation: int) -> None:
    """Finds duplicates among all kept images so far; publishes `duplicates.parquet` and its marker."""
    job = PixelJob(run.store, run.recipe.decode, run.recipe.duplicates, run.recipe.images.keep_images == "none")
    everything = _kept_images(dataset)
    clean = pc.equal(everything["contamination"], "")
    images = everything.filter(clean)
    pairs = candidate_pairs(images, job.duplicates) if job.duplicates.enabled else PAIR_SCHEMA.empty_table()
    accepted, unverified = _verified(run, job, images, pairs)
    table = cluster(accepted, images, job.duplicates, _published_keys(run.store, generation))
    held = _benchmark_rows(run, everything.filter(pc.invert(clean)))
    table = pa.concat_tables([table, held]).sort_by("key")
    table = with_thumbnails(table, _thumbnails(run, job, everything, table))
    counts = {
        "images": everything.num_rows,
        "candidates": pairs.num_rows,
        "unverified": unverified,
        "duplicates": table.num_rows - held.num_rows,
        "benchmark": held.num_rows,
    }
    name = f"{plan_folder(generation)}/{DUPLICATES}"
    with run.store.spool() as spool:
        pq.write_table(table, spool / DUPLICATES, compression="zstd")
        run.store.write(DUPLICATES, (spool / DUPLICATES).read_bytes())
        publish(run.store, duplicates_marker(generation), name, [(spool / DUPLICATES, name)], counts)


def _kept_images(dataset: Dataset) -> pa.Table:
    """Kept images of all generations with what deduplication needs, in key order."""
    columns = ["key", "kept", "contamination", *_HASHES, *_FACTS, *_MEMBER]
    schema = pa.schema([image_schema([]).field(name) for name in columns])
    batches = [batch.filter(batch["kept"]).cast(schema) for batch in dataset.image_rows(columns)]
    return pa.Table.from_batches(batches, schema).sort_by("key").combine_chunks()


def _benchmark_rows(run: Run, images: pa.Table) -> pa.Table:
    """A row for each image that holds a benchmark picture, with the picture as the table of benchmarks has it."""
    benchmarks = BenchmarkTable.from_settings(run.recipe.contamination)
    rows = []
    for image in images.select(["key", "contamination"]).to_pylist():
        found = json.loads(image["contamination"])
        row = benchmark_row(image["key"], found["benchmark"], found["bits"], found["agreement"], found["transform"])
        if benchmarks is not None:
            grey = benchmarks[found["benchmark"]].signature
            row["benchmark_thumbnail"] = encode_thumbnail(np.repeat(grey[:, :, None], 3, axis=2))
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=DUPLICATE_SCHEMA)


def _published_keys(store: Store, generation: int) -> set[str]:
    """Images that earlier generations cut: they stay, whatever better copy comes later."""
    keys: set[str] = set()
    for earlier in range(generation):
        if store.exists(patches_marker(earlier)):
            with store.open(f"{plan_folder(earlier)}/patches.parquet") as file:
                keys |= set(pq.read_table(file, columns=["key"])["key"].to_pylist())
    return keys


def _verified(run: Run, job: PixelJob, images: pa.Table, pairs: pa.Table) -> tuple[pa.Table, int]:
    """The pairs that are duplicates, with their `agreement`, and how many could not be verified."""
    exact = np.isin(pairs["kind"].to_numpy(), ["bytes", "pixels"])
    agreements = np.where(exact, 1.0, -1.0)
    todo = np.flatnonzero(~exact)
    members = images.select(["key", *_MEMBER])
    firsts = members.take(pairs["first"].take(pa.array(todo))).to_pylist()
    seconds = members.take(pairs["second"].take(pa.array(todo))).to_pylist()
    turns = pairs["transform"].take(pa.array(todo)).to_pylist()
    items = list(zip(todo.tolist(), firsts, seconds, turns, strict=True))
    unverified = 0
    for place, agreement in _map_chunks(run, "verify", _verify_chunk, job, items):
        unverified += agreement is None
        agreements[place] = -1.0 if agreement is None else agreement
    chosen = pairs.append_column("agreement", pa.array(np.round(agreements, 4)))
    return chosen.filter(pa.array(agreements >= 0)), unverified


def _verify_chunk(job: PixelJob, items: Sequence[tuple[int, Row, Row, Transform]]) -> list[tuple[int, float | None]]:
    """Place of each pair → its agreement; -1 if the two are not one picture, None if that cannot be told."""
    cache: dict[str, NDArray[np.uint8] | None] = {}
    results: list[tuple[int, float | None]] = []
    for place, first, second, transform in items:
        a, b = _pixels(job, first, cache), _pixels(job, second, cache)
        if a is None or b is None:
            results.append((place, None))
            continue
        agreement = verify_pair(a, b, transform, job.duplicates)
        results.append((place, agreement.score if agreement.accepted else -1.0))
    return results


def _thumbnails(run: Run, job: PixelJob, images: pa.Table, table: pa.Table) -> Mapping[str, bytes]:
    """Image key → thumbnail, for the first few duplicates of each kind and their keepers."""
    shown: dict[str, int] = {}
    keys: set[str] = set()
    for row in table.select(["key", "keeper", "kind"]).to_pylist():
        shown[row["kind"]] = shown.get(row["kind"], 0) + 1
        if shown[row["kind"]] <= _SHOWN:
            keys |= {row["key"], row["keeper"]}
    members = images.select(["key", *_MEMBER])
    rows = members.filter(pc.is_in(members["key"], value_set=pa.array(sorted(keys), pa.string()))).to_pylist()
    return {key: data for key, data in _map_chunks(run, "picture", _thumbnail_chunk, job, rows) if data is not None}


def _thumbnail_chunk(job: PixelJob, rows: Sequence[Row]) -> list[tuple[str, bytes | None]]:
    found: list[tuple[str, bytes | None]] = []
    for row in rows:
        rgb = _pixels(job, row, {})
        found.append((row["key"], None if rgb is None else encode_thumbnail(rgb)))
    return found


def _pixels(job: PixelJob, row: Row, cache: dict[str, NDArray[np.uint8] | None]) -> NDArray[np.uint8] | None:
    """An image's pixels, None if its bytes were not kept; the last few of a chunk are remembered."""
    if row["key"] not in cache:
        if len(cache) >= 4:
            cache.pop(next(iter(cache)))
        cache[row["key"]] = _decoded(job, row)
    return cache[row["key"]]


def _decoded(job: PixelJob, row: Row) -> NDArray[np.uint8] | None:
    if job.bytes_may_be_gone and not job.store.exists(row["tar"]):
        return None
    data = read_member(job.store, row["tar"], Member(row["member"], row["offset"], row["size"], row["checksum"]))
    header = read_header(data, job.decode)
    rgb = header if isinstance(header, Rejection) else decode(data, header, job.decode)
    if isinstance(rgb, Rejection):
        raise DatasetError(f"image {row['key']} decoded when it was fetched and does not now: {rgb.reason}")
    return rgb


def _map_chunks(run: Run, step: str, function: Any, job: PixelJob, items: Sequence[Any]) -> Iterable[tuple[Any, Any]]:
    """Results of `function(job, chunk)` over chunks of the items, in any order."""
    chunks = [tuple(items[start : start + _CHUNK]) for start in range(0, len(items), _CHUNK)]
    progress = Progress(step, len(chunks)) if chunks else None
    for outcome in run.executor.run(function, job, chunks):
        run.lease.check()
        if outcome.failure:
            raise DatasetError(f"{step}: a worker failed at every attempt: {outcome.failure.splitlines()[-1]}")
        yield from outcome.result
        if progress is not None:
            progress.advance({"pairs" if step == "verify" else "pictures": len(outcome.result)})
    if progress is not None:
        progress.close()
