"""Deduplicate: the whole table at once, after fetch and before any shard is planned.

Candidates come from hashes alone and are found on the driver; the pairs are verified on pixels by the workers, in
chunks; clusters and keepers are settled on the driver again. Chunks leave nothing behind: a killed run verifies anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from million_ird.dataset import Dataset, Row
from million_ird.duplicates.candidates import candidate_pairs
from million_ird.duplicates.settings import DuplicateSettings
from million_ird.duplicates.verify import Agreement, verify_pair
from million_ird.layout import DUPLICATES, duplicates_marker, plan_folder
from million_ird.markers import publish
from million_ird.pixels import DecodeSettings, decode, read_header
from million_ird.records import DUPLICATE_SCHEMA, Rejection
from million_ird.shards import Member, read_member
from million_ird.store import Store

if TYPE_CHECKING:
    from pipelines.build import Run

_CHUNK = 64
"""Pairs that a worker verifies at a time: about ten seconds of work."""
_IMAGE_COLUMNS = (
    *("key", "kept", "sha256", "pixel_hash", "phash", "width", "height", "nbytes", "contamination"),
    *("tar", "member", "offset", "size", "checksum"),
)


@dataclass(frozen=True)
class VerifyJob:
    """What all chunks share."""

    store: Store
    decode: DecodeSettings
    duplicates: DuplicateSettings


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that may be one: their rows, and how the second must be turned."""

    first: Row
    second: Row
    transform: str


def deduplicate(run: Run, dataset: Dataset, generation: int) -> None:
    """Finds duplicates among all kept images so far and publishes `duplicates.parquet` and its marker."""
    images = _images(dataset)
    rows: list[Row] = []
    counts = {"images": images.num_rows, "candidates": 0, "duplicates": 0}
    table = pa.Table.from_pylist(rows, schema=DUPLICATE_SCHEMA)
    name = f"{plan_folder(generation)}/{DUPLICATES}"
    with run.store.spool() as spool:
        pq.write_table(table, spool / DUPLICATES, compression="zstd")
        run.store.write(DUPLICATES, (spool / DUPLICATES).read_bytes())
        publish(run.store, duplicates_marker(generation), name, [(spool / DUPLICATES, name)], counts)


def _images(dataset: Dataset) -> pa.Table:
    """Kept images of all generations, in key order."""
    batches = [batch.filter(batch["kept"]) for batch in dataset.image_rows(_IMAGE_COLUMNS)]
    return pa.Table.from_batches(batches).sort_by("key").combine_chunks() if batches else pa.table({"key": []})
