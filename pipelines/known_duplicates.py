"""What earlier generations found to be copies: it stays found, also where the bytes that proved it are gone by now."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from million_ird.duplicates import PAIR_SCHEMA
from million_ird.fingerprint import inverse
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


def as_pairs(duplicates: pa.Table, images: pa.Table) -> pa.Table:
    """The rows as accepted pairs (`PAIR_SCHEMA` and `agreement`) of `images`, as far as both are among these."""
    columns = duplicates.select(["key", "keeper", "kind", "distance", "agreement", "transform"])
    keys = images["key"].combine_chunks()
    seconds = pc.index_in(columns["key"], value_set=keys).to_pylist()
    firsts = pc.index_in(columns["keeper"], value_set=keys).to_pylist()
    pairs = []
    for row, first, second in zip(columns.to_pylist(), firsts, seconds, strict=True):
        if first is None or second is None:
            continue
        pair = {**row, "first": first, "second": second, "distance": int(row["distance"])}
        if first > second:
            pair |= {"first": second, "second": first, "transform": inverse(row["transform"])}
        pairs.append(pair)
    return pa.Table.from_pylist(pairs, schema=PAIR_SCHEMA.append(pa.field("agreement", pa.float64())))


def thumbnails_in(duplicates: pa.Table) -> dict[str, bytes]:
    """Image key → thumbnail, of those that the table holds."""
    found: dict[str, bytes] = {}
    for key, thumbnail in (("key", "thumbnail"), ("keeper", "keeper_thumbnail")):
        held = duplicates.filter(pc.is_valid(duplicates[thumbnail]))
        found |= dict(zip(held[key].to_pylist(), held[thumbnail].to_pylist(), strict=True))
    return found
