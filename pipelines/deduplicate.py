"""Deduplicate: the whole table at once, after fetch and before any shard is planned.

Candidates come from hashes alone and are found on the driver; the pairs are verified on pixels by the workers, in
chunks; clusters and keepers are settled on the driver again. Chunks leave nothing behind: a killed run verifies anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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
    crop_pairs,
    verify_crop,
    verify_pair,
    with_thumbnails,
)
from million_ird.errors import DatasetError
from million_ird.fingerprint import Transform
from million_ird.layout import DUPLICATES, duplicates_marker, patches_marker, plan_folder
from million_ird.markers import publish
from million_ird.pixels import DecodeSettings, decode, encode_thumbnail, read_header
from million_ird.progress import Progress
from million_ird.records import DUPLICATE_SCHEMA, Rejection, image_schema
from million_ird.shards import Member, read_member
from million_ird.store import Store
from million_ird.tables import read_parquet
from pipelines.known_duplicates import as_pairs, known_duplicates, thumbnails_in

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
    accepted, counts = _search(run, job, dataset, images)
    known = known_duplicates(run.store, generation)
    accepted = pa.concat_tables([accepted, as_pairs(known, images)])
    table = cluster(accepted, images, job.duplicates, _published_keys(run.store, generation))
    held = _benchmark_rows(run, everything.filter(pc.invert(clean)))
    table = pa.concat_tables([table, held]).sort_by("key")
    table = with_thumbnails(table, thumbnails_in(known) | _thumbnails(run, job, dataset, table))
    counts |= {
        "images": everything.num_rows,
        "duplicates": table.num_rows - held.num_rows,
        "benchmark": held.num_rows,
    }
    name = f"{plan_folder(generation)}/{DUPLICATES}"
    with run.store.spool() as spool:
        pq.write_table(table, spool / DUPLICATES, compression="zstd")
        run.store.write(DUPLICATES, (spool / DUPLICATES).read_bytes())
        publish(run.store, duplicates_marker(generation), name, [(spool / DUPLICATES, name)], counts)


def _kept_images(dataset: Dataset) -> pa.Table:
    """Kept images of all generations with what the search needs, in key order. The whole table is in memory here, so
    where the bytes are is read later, of the few images that are looked at (`_members`)."""
    columns = ["key", "kept", "contamination", "crop_features", *_HASHES, *_FACTS]
    schema = pa.schema([image_schema([]).field(name) for name in columns])
    batches = [batch.filter(batch["kept"]).cast(schema) for batch in dataset.image_rows(columns)]
    return pa.Table.from_batches(batches, schema).sort_by("key").combine_chunks()


def _members(dataset: Dataset, keys: set[str]) -> dict[str, Row]:
    """Image key → where its bytes are."""
    wanted = pa.array(sorted(keys), pa.string())
    found: dict[str, Row] = {}
    for batch in dataset.image_rows(["key", *_MEMBER]) if keys else ():
        rows = batch.filter(pc.is_in(batch["key"], value_set=wanted)).to_pylist()
        found |= {row["key"]: row for row in rows}
    return found


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
                keys |= set(read_parquet(file, ["key"])["key"].to_pylist())
    return keys


def _search(run: Run, job: PixelJob, dataset: Dataset, images: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """Verified pairs with their `agreement`, and how many candidates there were and could not be verified."""
    if not job.duplicates.enabled:
        return PAIR_SCHEMA.empty_table().append_column("agreement", pa.array([], pa.float64())), {"candidates": 0}
    near = candidate_pairs(images, job.duplicates)
    accepted, unverified = _verified(run, job, dataset, images, near)
    counts = {"candidates": near.num_rows, "unverified": unverified}
    if job.duplicates.crops:
        crops = crop_pairs([data or b"" for data in images["crop_features"].to_pylist()], job.duplicates)
        crops = crops.join(accepted.select(["first", "second"]), ["first", "second"], join_type="left anti")
        crops = crops.select(PAIR_SCHEMA.names).sort_by([("first", "ascending"), ("second", "ascending")])
        more, unverified = _verified(run, job, dataset, images, crops)
        accepted = pa.concat_tables([accepted, more])
        counts = {"candidates": near.num_rows + crops.num_rows, "unverified": counts["unverified"] + unverified}
    return accepted, counts


def _verified(run: Run, job: PixelJob, dataset: Dataset, images: pa.Table, pairs: pa.Table) -> tuple[pa.Table, int]:
    """The pairs that are duplicates, with their `agreement`, and how many could not be verified."""
    facts = pairs.to_pylist()
    agreements = [1.0 if pair["kind"] in ("bytes", "pixels") else None for pair in facts]
    todo = [place for place, agreement in enumerate(agreements) if agreement is None]
    keys = {place: [images["key"][facts[place][side]].as_py() for side in ("first", "second")] for place in todo}
    members = _members(dataset, {key for both in keys.values() for key in both})
    items = [(place, facts[place], members[first], members[second]) for place, (first, second) in keys.items()]
    unverified = 0
    for place, agreement, transform in _map_chunks(run, "verify", _verify_chunk, job, items):
        unverified += agreement is None
        agreements[place], facts[place]["transform"] = agreement, transform
    schema = PAIR_SCHEMA.append(pa.field("agreement", pa.float64()))
    kept = [
        fact | {"agreement": round(a, 4)} for fact, a in zip(facts, agreements, strict=True) if a is not None and a >= 0
    ]
    return pa.Table.from_pylist(kept, schema=schema), unverified


def _verify_chunk(
    job: PixelJob, items: Sequence[tuple[int, Row, Row, Row]]
) -> list[tuple[int, float | None, Transform]]:
    """(place, agreement, transform) of each pair; agreement -1: not one picture, None: that cannot be told."""
    cache: dict[str, NDArray[np.uint8] | None] = {}
    results: list[tuple[int, float | None, Transform]] = []
    for place, pair, first, second in items:
        a, b = _pixels(job, first, cache), _pixels(job, second, cache)
        transform: Transform = pair["transform"]
        if a is None or b is None:
            results.append((place, None, transform))
            continue
        if pair["kind"] == "crop":
            agreement, transform = verify_crop(a, b, job.duplicates)
        else:
            agreement = verify_pair(a, b, transform, job.duplicates)
        results.append((place, max(agreement.score, 0.0) if agreement.accepted else -1.0, transform))
    return results


def _thumbnails(run: Run, job: PixelJob, dataset: Dataset, table: pa.Table) -> dict[str, bytes]:
    """Image key → thumbnail, for the first few duplicates of each kind and their keepers."""
    shown: dict[str, int] = {}
    keys: set[str] = set()
    for row in table.select(["key", "keeper", "kind"]).to_pylist():
        shown[row["kind"]] = shown.get(row["kind"], 0) + 1
        if shown[row["kind"]] <= _SHOWN:
            keys |= {row["key"], row["keeper"]}
    rows = sorted(_members(dataset, keys).values(), key=lambda row: str(row["key"]))
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


def _map_chunks(run: Run, step: str, function: Any, job: PixelJob, items: Sequence[Any]) -> Iterable[Any]:
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
