"""Deduplicate: all images together, after fetch and before any shard is planned.

Candidates come from hashes alone and are found on the driver; the pairs are verified on pixels by the workers, in
chunks; clusters and keepers are settled on the driver again. Chunks leave nothing behind: a killed run verifies anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
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
from million_ird.fingerprint import TRANSFORMS, Transform
from million_ird.image_keys import KeySet
from million_ird.key_sorted import KeySorted, sort_by_key
from million_ird.layout import DUPLICATES, duplicates_marker, patches_marker, plan_folder
from million_ird.markers import publish
from million_ird.pixels import DecodeSettings, decode, encode_thumbnail, read_header
from million_ird.progress import Progress
from million_ird.records import DUPLICATE_SCHEMA, Rejection, image_schema
from million_ird.shards import Member, read_member
from million_ird.store import Store
from pipelines.known_duplicates import as_pairs, known_duplicates, thumbnails_in

if TYPE_CHECKING:
    from pipelines.build import Run

_CHUNK = 32
"""Pairs that a worker verifies at a time: some seconds of work for photographs of 12 megapixels."""
_BATCH = 1 << 14
"""Rows of the finished table that are looked at as Python objects at a time."""
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
    """Finds duplicates among all kept images so far; publishes `duplicates.parquet` and its marker.

    The images are sorted by key on the disk (a few hundred bytes each in the scratch folder); what the driver holds
    of each is what `candidate_pairs` says, and a kilobyte of those that a candidate pair names. The crop search needs
    more (see `crop_pairs`).
    """
    job = PixelJob(run.store, run.recipe.decode, run.recipe.duplicates, run.recipe.images.keep_images == "none")
    with run.store.spool() as spool:
        images, showing = _kept_images(dataset, job.duplicates, spool)
        known = known_duplicates(run.store, generation)
        found = _candidates(job.duplicates, images, as_pairs(known, images))
        accepted, counts = _accepted(run, job, found)
        published = _published_keys(run.store, generation, found.images["key"])
        table = cluster(accepted, found.images, job.duplicates, published)
        held = _benchmark_rows(run, showing)
        table = pa.concat_tables([table, held]).sort_by("key")
        table = with_thumbnails(table, thumbnails_in(known) | _thumbnails(run, job, dataset, table))
        counts |= {
            "images": images.rows + showing.num_rows,
            "duplicates": table.num_rows - held.num_rows,
            "benchmark": held.num_rows,
        }
        _publish(run.store, generation, table, counts, spool)


def _publish(store: Store, generation: int, table: pa.Table, counts: dict[str, int], spool: Path) -> None:
    """The table at the root of the dataset and beside the generation's plan, and then its marker."""
    name = f"{plan_folder(generation)}/{DUPLICATES}"
    pq.write_table(table, spool / DUPLICATES, compression="zstd")
    shutil.copyfile(spool / DUPLICATES, spool / "root")
    store.put_file(spool / "root", DUPLICATES)
    publish(store, duplicates_marker(generation), name, [(spool / DUPLICATES, name)], counts)


def _kept_images(dataset: Dataset, settings: DuplicateSettings, spool: Path) -> tuple[KeySorted, pa.Table]:
    """Kept images of all generations with what the search needs, in key order; and, apart from them, `key` and
    `contamination` of those that show a benchmark picture."""
    columns = ["key", *_HASHES, *_FACTS, *_MEMBER, *(["crop_features"] if settings.crops else [])]
    schema = pa.schema([image_schema([]).field(name) for name in columns])
    contaminated = pa.schema([("key", pa.string()), ("contamination", pa.string())])
    showing: list[pa.RecordBatch] = []

    def clean() -> Iterator[pa.RecordBatch]:
        for batch in dataset.image_rows([*columns, "kept", "contamination"]):
            kept = batch.filter(batch["kept"])
            shows = pc.not_equal(kept["contamination"], "")
            showing.append(kept.filter(shows).select(contaminated.names))
            yield kept.filter(pc.invert(shows))

    expected = sum(marker.counts["kept"] for marker in dataset.image_markers())
    images = sort_by_key(clean(), schema, expected, spool)
    return images, pa.Table.from_batches(showing, contaminated)


@dataclass(frozen=True)
class Candidates:
    """Pairs of images that may be copies (`PAIR_SCHEMA`), and these images alone: pairs name rows of `images`."""

    images: pa.Table
    """Columns `key`, facts and where the bytes are, in key order."""
    near: pa.Table
    """What `candidate_pairs` found."""
    crops: pa.Table
    known: pa.Table
    """Accepted before, with their `agreement`."""


def _candidates(settings: DuplicateSettings, images: KeySorted, known: pa.Table) -> Candidates:
    near = crops = PAIR_SCHEMA.empty_table()
    if settings.enabled:
        near = candidate_pairs(images, settings)
    if settings.enabled and settings.crops:
        batches = images.batches(["crop_features"])
        crops = crop_pairs((data or b"" for batch in batches for data in batch[0].to_pylist()), settings)
    tables = (near, crops, known)
    rows = np.unique(np.concatenate([table[side].to_numpy() for table in tables for side in ("first", "second")]))
    renumbered = (_renumbered(table, rows) for table in tables)
    return Candidates(images.take(rows, ["key", *_FACTS, *_MEMBER]).combine_chunks(), *renumbered)


def _renumbered(pairs: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """The pairs with the places of their rows among `rows`, which ascend and hold them all."""
    for place, side in enumerate(("first", "second")):
        pairs = pairs.set_column(place, side, pa.array(np.searchsorted(rows, pairs[side].to_numpy()), pa.int64()))
    return pairs


def _members(dataset: Dataset, keys: set[str]) -> list[Row]:
    """Where the bytes of some images are, in key order."""
    wanted = pa.array(sorted(keys), pa.string())
    found: list[Row] = []
    for batch in dataset.image_rows(["key", *_MEMBER]) if keys else ():
        found += batch.filter(pc.is_in(batch["key"], value_set=wanted)).to_pylist()
    return sorted(found, key=lambda row: str(row["key"]))


def _benchmark_rows(run: Run, images: pa.Table) -> pa.Table:
    """A row for each image that holds a benchmark picture, with the picture as the table of benchmarks has it."""
    benchmarks = BenchmarkTable.from_settings(run.recipe.contamination)
    rows = []
    for image in images.to_pylist():
        found = json.loads(image["contamination"])
        row = benchmark_row(image["key"], found["benchmark"], found["bits"], found["agreement"], found["transform"])
        if benchmarks is not None:
            grey = benchmarks[found["benchmark"]].signature
            row["benchmark_thumbnail"] = encode_thumbnail(np.repeat(grey[:, :, None], 3, axis=2))
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=DUPLICATE_SCHEMA)


def _published_keys(store: Store, generation: int, among: pa.ChunkedArray) -> set[str]:
    """Those of the images that earlier generations cut: they stay, whatever better copy comes later."""
    looked_at, keys = KeySet(among.chunks), set[str]()
    for earlier in range(generation):
        if store.exists(patches_marker(earlier)):
            with store.open(f"{plan_folder(earlier)}/patches.parquet") as file, pq.ParquetFile(file) as plan:
                for batch in plan.iter_batches(columns=["key"], use_threads=False):
                    keys |= set(batch["key"].filter(looked_at.holds(batch["key"])).to_pylist())
    return keys


def _accepted(run: Run, job: PixelJob, found: Candidates) -> tuple[pa.Table, dict[str, int]]:
    """The pairs that are duplicates, with their `agreement`, and how many candidates there were and could not be
    verified."""
    if not job.duplicates.enabled:
        return found.known, {"candidates": 0}
    accepted, unverified = _verified(run, job, found.images, found.near)
    counts = {"candidates": found.near.num_rows, "unverified": unverified}
    if job.duplicates.crops:
        crops = found.crops.join(accepted.select(["first", "second"]), ["first", "second"], join_type="left anti")
        crops = crops.select(PAIR_SCHEMA.names).sort_by([("first", "ascending"), ("second", "ascending")])
        more, unverified = _verified(run, job, found.images, crops)
        accepted = pa.concat_tables([accepted, more])
        counts = {"candidates": counts["candidates"] + crops.num_rows, "unverified": counts["unverified"] + unverified}
    return pa.concat_tables([accepted, found.known]), counts


def _verified(run: Run, job: PixelJob, images: pa.Table, pairs: pa.Table) -> tuple[pa.Table, int]:
    """The pairs that are duplicates, with their `agreement`, and how many could not be verified."""
    is_sure = pc.is_in(pairs["kind"], value_set=pa.array(["bytes", "pixels"])).to_numpy()
    agreements = np.where(is_sure, 1.0, np.nan)
    transforms = pc.index_in(pairs["transform"], value_set=pa.array(TRANSFORMS)).to_numpy().copy()
    todo = np.flatnonzero(~is_sure)

    def chunk(places: NDArray[np.int64]) -> tuple[tuple[int, Row, Row, Row], ...]:
        facts = pairs.take(pa.array(places))
        both = [images.take(facts[side]).select(["key", *_MEMBER]).to_pylist() for side in ("first", "second")]
        return tuple(zip(places.tolist(), facts.to_pylist(), *both, strict=True))

    unverified = 0
    for place, agreement, transform in _map_chunks(run, "verify", _verify_chunk, job, todo, chunk):
        unverified += agreement is None
        agreements[place] = np.nan if agreement is None else round(agreement, 4)
        transforms[place] = TRANSFORMS.index(transform)
    pairs = pairs.set_column(4, "transform", pa.array(TRANSFORMS).take(pa.array(transforms)))
    pairs = pairs.append_column("agreement", pa.array(agreements))
    return pairs.filter(pa.array(agreements >= 0)), unverified


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
    for batch in table.select(["key", "keeper", "kind"]).to_batches(_BATCH):
        for row in batch.to_pylist():
            shown[row["kind"]] = shown.get(row["kind"], 0) + 1
            if shown[row["kind"]] <= _SHOWN:
                keys |= {row["key"], row["keeper"]}
    rows = _members(dataset, keys)
    found = _map_chunks(run, "picture", _thumbnail_chunk, job, rows, tuple)
    return {key: data for key, data in found if data is not None}


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


def _map_chunks(
    run: Run, step: str, function: Any, job: PixelJob, items: Sequence[Any] | NDArray[np.int64], chunk: Any
) -> Iterator[Any]:
    """Results of `function(job, chunk(some items))`, in any order. Chunks are made when a worker is free for them."""
    starts = range(0, len(items), _CHUNK)
    progress = Progress(step, len(starts)) if starts else None
    for outcome in run.executor.run(function, job, (chunk(items[start : start + _CHUNK]) for start in starts)):
        run.lease.check()
        if outcome.failure:
            raise DatasetError(f"{step}: a worker failed at every attempt: {outcome.failure.splitlines()[-1]}")
        yield from outcome.result
        if progress is not None:
            progress.advance({"pairs" if step == "verify" else "pictures": len(outcome.result)})
    if progress is not None:
        progress.close()
