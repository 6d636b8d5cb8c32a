"""Deduplicate: all images together, after fetch and before any shard is planned.

Candidates come from hashes alone and are found on the driver; the pairs are verified on pixels by the workers (see
`pair_pixels`); clusters and keepers are settled on the driver again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.contamination import BenchmarkTable
from million_ird.dataset import Dataset
from million_ird.duplicates import (
    PAIR_SCHEMA,
    DuplicateSettings,
    benchmark_row,
    candidate_pairs,
    cluster,
    crop_pairs,
    with_thumbnails,
)
from million_ird.image_keys import KeySet
from million_ird.key_sorted import KeySorted, sort_by_key
from million_ird.layout import DUPLICATES, duplicates_marker, patches_marker, plan_folder
from million_ird.markers import publish
from million_ird.pixels import encode_thumbnail
from million_ird.records import DUPLICATE_SCHEMA, image_schema
from million_ird.store import Store
from pipelines.known_duplicates import as_pairs, known_duplicates, thumbnails_in
from pipelines.pair_pixels import MEMBER, PixelJob, thumbnails, verified

if TYPE_CHECKING:
    from pipelines.build import Run

_HASHES = ("sha256", "pixel_hash", "phash")
_FACTS = ("width", "height", "nbytes")


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
        table = with_thumbnails(table, thumbnails_in(known) | thumbnails(run, job, dataset, table))
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
    columns = ["key", *_HASHES, *_FACTS, *MEMBER, *(["crop_features"] if settings.crops else [])]
    schema = pa.schema([image_schema([]).field(name) for name in columns])
    contaminated = pa.schema([("key", pa.string()), ("contamination", pa.string())])
    showing: list[pa.RecordBatch] = []

    def clean() -> Iterator[pa.RecordBatch]:
        for batch in dataset.image_rows([*columns, "kept", "contamination"]):
            kept = batch.filter(batch["kept"])
            shows = pc.not_equal(kept["contamination"], "")
            if pc.any(shows).as_py():
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
    return Candidates(images.take(rows, ["key", *_FACTS, *MEMBER]).combine_chunks(), *renumbered)


def _renumbered(pairs: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    """The pairs with the places of their rows among `rows`, which ascend and hold them all."""
    for place, side in enumerate(("first", "second")):
        pairs = pairs.set_column(place, side, pa.array(np.searchsorted(rows, pairs[side].to_numpy()), pa.int64()))
    return pairs


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
                for group in range(plan.num_row_groups):
                    cut = plan.read_row_group(group, ["key"], use_threads=False)["key"].combine_chunks()
                    keys |= set(cut.filter(looked_at.holds(cut)).to_pylist())
    return keys


def _accepted(run: Run, job: PixelJob, found: Candidates) -> tuple[pa.Table, dict[str, int]]:
    """The pairs that are duplicates, with their `agreement`, and how many candidates there were and could not be
    verified."""
    if not job.duplicates.enabled:
        return found.known, {"candidates": 0}
    accepted, unverified = verified(run, job, found.images, found.near)
    counts = {"candidates": found.near.num_rows, "unverified": unverified}
    if job.duplicates.crops:
        crops = found.crops.join(accepted.select(["first", "second"]), ["first", "second"], join_type="left anti")
        crops = crops.select(PAIR_SCHEMA.names).sort_by([("first", "ascending"), ("second", "ascending")])
        more, unverified = verified(run, job, found.images, crops)
        accepted = pa.concat_tables([accepted, more])
        counts = {"candidates": counts["candidates"] + crops.num_rows, "unverified": counts["unverified"] + unverified}
    return pa.concat_tables([accepted, found.known]), counts
