"""What earlier generations found to be copies: it stays found, also where the bytes that proved it are gone by now."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from million_ird.duplicates import PAIR_SCHEMA
from million_ird.fingerprint import TRANSFORMS, inverse
from million_ird.image_keys import key_array
from million_ird.key_sorted import KeySorted
from million_ird.layout import DUPLICATES, plan_folder
from million_ird.records import DUPLICATE_SCHEMA
from million_ird.store import Store
from million_ird.tables import read_parquet


def known_duplicates(store: Store, generation: int) -> pa.Table:
    """The table of the generation before (`DUPLICATE_SCHEMA`), without benchmark matches; empty for the first."""
    if generation == 0:
        return DUPLICATE_SCHEMA.empty_table()
    with store.open(f"{plan_folder(generation - 1)}/{DUPLICATES}") as file:
        table = read_parquet(file, DUPLICATE_SCHEMA.names)
    return table.filter(pc.not_equal(table["kind"], "benchmark"))


def as_pairs(duplicates: pa.Table, images: KeySorted) -> pa.Table:
    """The rows as accepted pairs (`PAIR_SCHEMA` and `agreement`) of `images`, as far as both are among these."""
    seconds, firsts = (_rows(duplicates[name], images) for name in ("key", "keeper"))
    both = np.flatnonzero((firsts >= 0) & (seconds >= 0))
    firsts, seconds = firsts[both], seconds[both]
    swapped = pa.array(firsts > seconds)
    found = duplicates.select(["kind", "distance", "agreement", "transform"]).take(pa.array(both))
    turned = pa.array([inverse(transform) for transform in TRANSFORMS])
    inverses = turned.take(pc.index_in(found["transform"], value_set=pa.array(TRANSFORMS)).combine_chunks())
    columns = {
        "first": np.minimum(firsts, seconds),
        "second": np.maximum(firsts, seconds),
        "kind": found["kind"],
        "distance": found["distance"].cast(pa.int16()),
        "transform": pc.if_else(swapped, inverses, found["transform"]),
        "agreement": found["agreement"],
    }
    return pa.table(columns, schema=PAIR_SCHEMA.append(pa.field("agreement", pa.float64())))


def _rows(keys: pa.ChunkedArray, images: KeySorted) -> NDArray[np.int64]:
    """The number of the row of each image, -1 where it is not there."""
    names = key_array(keys.combine_chunks())
    order = np.argsort(names)
    rows = np.empty(len(names), np.int64)
    rows[order] = images.find(names[order])
    return rows


def thumbnails_in(duplicates: pa.Table) -> dict[str, bytes]:
    """Image key → thumbnail, of those that the table holds."""
    found: dict[str, bytes] = {}
    for key, thumbnail in (("key", "thumbnail"), ("keeper", "keeper_thumbnail")):
        held = duplicates.filter(pc.is_valid(duplicates[thumbnail]))
        found |= dict(zip(held[key].to_pylist(), held[thumbnail].to_pylist(), strict=True))
    return found
