"""Pairs of images on their pixels: the half of deduplication that the workers do, in chunks.

Chunks leave nothing behind: a killed run verifies anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from million_ird.dataset import Dataset, Row
from million_ird.duplicates import DuplicateSettings, verify_crop, verify_pair
from million_ird.errors import DatasetError
from million_ird.fingerprint import TRANSFORMS, Transform
from million_ird.pixels import DecodeSettings, decode, encode_thumbnail, read_header
from million_ird.progress import Progress
from million_ird.records import Rejection
from million_ird.shards import Member, read_member
from million_ird.store import Store

if TYPE_CHECKING:
    from pipelines.build import Run

MEMBER = ("tar", "member", "offset", "size", "checksum")
"""Columns of an image's row that say where its bytes are."""
_CHUNK = 32
"""Pairs that a worker verifies at a time: some seconds of work for photographs of 12 megapixels."""
_BATCH = 1 << 14
"""Rows of the finished table that are looked at as Python objects at a time."""
_SHOWN = 60
"""Duplicates of each kind that get thumbnails, for the report."""


@dataclass(frozen=True)
class PixelJob:
    """What the chunks share. With `bytes_may_be_gone` (`keep_images = none`) an image of an earlier generation whose
    bytes are not there any more makes a pair unverifiable rather than the dataset damaged."""

    store: Store
    decode: DecodeSettings
    duplicates: DuplicateSettings
    bytes_may_be_gone: bool


def verified(run: Run, job: PixelJob, images: pa.Table, pairs: pa.Table) -> tuple[pa.Table, int]:
    """The pairs that are duplicates, with their `agreement`, and how many could not be verified."""
    is_sure = pc.is_in(pairs["kind"], value_set=pa.array(["bytes", "pixels"])).to_numpy()
    agreements = np.where(is_sure, 1.0, np.nan)
    transforms = pc.index_in(pairs["transform"], value_set=pa.array(TRANSFORMS)).to_numpy().copy()
    todo = np.flatnonzero(~is_sure)

    def chunk(places: NDArray[np.int64]) -> tuple[tuple[int, Row, Row, Row], ...]:
        facts = pairs.take(pa.array(places))
        both = [images.take(facts[side]).select(["key", *MEMBER]).to_pylist() for side in ("first", "second")]
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


def thumbnails(run: Run, job: PixelJob, dataset: Dataset, table: pa.Table) -> dict[str, bytes]:
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


def _members(dataset: Dataset, keys: set[str]) -> list[Row]:
    """Where the bytes of some images are, in key order."""
    wanted = pa.array(sorted(keys), pa.string())
    found: list[Row] = []
    for batch in dataset.image_rows(["key", *MEMBER]) if keys else ():
        found += batch.filter(pc.is_in(batch["key"], value_set=wanted)).to_pylist()
    return sorted(found, key=lambda row: str(row["key"]))
