"""Who stays: pinned, then largest, then least compressed, then smallest key; and no chain carries too far."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from million_ird.duplicates import PAIR_SCHEMA, DuplicateSettings, benchmark_row, cluster, with_thumbnails
from million_ird.records import DUPLICATE_SCHEMA

SETTINGS = DuplicateSettings(max_distance=64)
ACCEPTED = PAIR_SCHEMA.append(pa.field("agreement", pa.float64()))


def images(*sizes: tuple[int, int, int], keys: str = "abcdefghij") -> pa.Table:
    width, height, nbytes = zip(*sizes, strict=True)
    return pa.table({"key": list(keys[: len(sizes)]), "width": width, "height": height, "nbytes": nbytes})


def pairs(*rows: tuple[int, int, str, int, str]) -> pa.Table:
    names = ("first", "second", "kind", "distance", "transform")
    return pa.Table.from_pylist([{**dict(zip(names, row, strict=True)), "agreement": 0.97} for row in rows], ACCEPTED)


def keepers(table: pa.Table) -> dict[str, str]:
    return dict(zip(table["key"].to_pylist(), table["keeper"].to_pylist(), strict=True))


def test_the_largest_stays() -> None:
    found = cluster(pairs((0, 1, "near", 9, "mirror")), images((100, 100, 999), (200, 100, 50)), SETTINGS)
    assert found.schema == DUPLICATE_SCHEMA
    row = found.to_pylist()[0]
    assert (row["key"], row["keeper"], row["cluster"], row["kind"]) == ("a", "b", "a", "near")
    assert (row["distance"], row["agreement"], row["transform"], row["benchmark"]) == (9.0, 0.97, "mirror", "")


def test_then_the_least_compressed_then_the_smallest_key() -> None:
    tie = pairs((0, 1, "near", 0, "identity"))
    assert keepers(cluster(tie, images((10, 10, 50), (10, 10, 60)), SETTINGS)) == {"a": "b"}
    assert keepers(cluster(tie, images((10, 10, 60), (10, 10, 60)), SETTINGS)) == {"b": "a"}


def test_what_was_published_stays() -> None:
    table = images((10, 10, 1), (99, 99, 1), (50, 50, 1))
    ties = pairs((0, 1, "near", 1, "identity"), (0, 2, "near", 1, "identity"))
    assert keepers(cluster(ties, table, SETTINGS, pinned={"a"})) == {"b": "a", "c": "a"}
    assert keepers(cluster(ties, table, SETTINGS, pinned={"a", "b"})) == {"c": "b"}


def test_copies_of_copies_go_for_one_keeper() -> None:
    ties = pairs((0, 1, "near", 5, "identity"), (1, 2, "near", 6, "identity"), (2, 3, "bytes", 0, "identity"))
    found = cluster(ties, images((10, 10, 1), (20, 20, 1), (30, 30, 1), (30, 30, 1)), SETTINGS)
    assert keepers(found) == {"a": "c", "b": "c", "d": "c"}
    assert found["distance"].to_pylist() == [11.0, 6.0, 0.0]
    assert found["kind"].to_pylist() == ["near", "near", "bytes"]
    assert set(found["cluster"].to_pylist()) == {"a"}


def test_a_chain_does_not_carry_beyond_the_distance() -> None:
    chain = pairs(*((i, i + 1, "near", 30, "identity") for i in range(4)))
    found = cluster(chain, images(*((100 - i, 10, 1) for i in range(5))), SETTINGS)
    # a takes b and c (30 and 60 bits); d is too far from a and stays, and takes e.
    assert keepers(found) == {"b": "a", "c": "a", "e": "d"}


def test_a_crop_of_a_crop_stays() -> None:
    chain = pairs((0, 1, "crop", -1, "identity"), (1, 2, "crop", -1, "identity"))
    found = cluster(chain, images((100, 100, 1), (87, 87, 1), (75, 75, 1)), SETTINGS)
    assert keepers(found) == {"b": "a"}


def test_transforms_along_a_chain_are_composed() -> None:
    # The second, mirrored, gives the first; the third, turned, gives the second.
    chain = pairs((0, 1, "near", 1, "mirror"), (1, 2, "near", 1, "rot90"))
    found = cluster(chain, images((9, 9, 1), (8, 8, 1), (7, 7, 1)), SETTINGS)
    assert dict(zip(found["key"].to_pylist(), found["transform"].to_pylist(), strict=True)) == {
        "b": "mirror",
        "c": "transverse",
    }


def test_the_order_of_pairs_does_not_matter() -> None:
    random = np.random.default_rng(3)
    rows = [(int(a), int(b), "near", int(d), "mirror") for a, b, d in random.integers(0, 60, (80, 3)) if a < b]
    rows = list({row[:2]: row for row in rows}.values())
    table = images(*((int(s), 10, 1) for s in random.integers(5, 9, 60)), keys="".join(map(chr, range(200, 260))))
    expected = cluster(pairs(*rows), table, SETTINGS)
    for _ in range(3):
        random.shuffle(rows)
        assert cluster(pairs(*rows), table, SETTINGS).equals(expected)


def test_a_star_of_many_copies_is_taken_in_one_go() -> None:
    count = 20_000
    rows = pa.table(
        [
            np.zeros(count - 1, np.int64),
            np.arange(1, count),
            pa.repeat("near", count - 1),
            np.zeros(count - 1, np.int16),
            pa.repeat("identity", count - 1),
            np.ones(count - 1),
        ],
        schema=ACCEPTED,
    )
    size = np.arange(count)
    table = pa.table({"key": [f"{i:06d}" for i in size], "width": size + 1, "height": [1] * count, "nbytes": size})
    assert set(keepers(cluster(rows, table, SETTINGS)).values()) == {f"{count - 1:06d}"}


def test_no_pairs_make_no_rows() -> None:
    assert cluster(pairs(), images((1, 1, 1)), SETTINGS).num_rows == 0


def test_thumbnails_are_filled_in_by_key() -> None:
    found = cluster(pairs((0, 1, "near", 9, "mirror")), images((9, 9, 1), (8, 8, 1)), SETTINGS)
    filled = with_thumbnails(found, {"a": b"keeper", "b": b"loser"})
    assert filled.schema == DUPLICATE_SCHEMA
    assert filled["thumbnail"].to_pylist() == [b"loser"]
    assert filled["keeper_thumbnail"].to_pylist() == [b"keeper"]
    assert with_thumbnails(filled, {})["thumbnail"].to_pylist() == [b"loser"]


def test_a_benchmark_row_fits_the_table() -> None:
    row = benchmark_row("k", "Set5/baby.png", 4, 0.98, "mirror")
    assert pa.Table.from_pylist([row], schema=DUPLICATE_SCHEMA).to_pylist()[0]["benchmark"] == "Set5/baby.png"
