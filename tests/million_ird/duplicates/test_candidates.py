"""Candidate pairs: exact ones as stars, near ones through bands, and bounded work whatever the hashes are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from million_ird.duplicates import PAIR_SCHEMA, DuplicateSettings, candidate_pairs
from million_ird.duplicates.candidates import near_pairs
from million_ird.errors import UsageError
from million_ird.fingerprint import HASH_BYTES, TRANSFORMS, inverse, transformed_hash

Hashes = npt.NDArray[np.uint8]


def random_hashes(count: int, seed: int = 0) -> Hashes:
    return np.random.default_rng(seed).integers(0, 256, (count, HASH_BYTES), np.uint8)


def with_bits_changed(hashes: Hashes, rate: float, seed: int = 1) -> Hashes:
    random = np.random.default_rng(seed)
    noise = random.random((len(hashes), HASH_BYTES * 8)) < rate
    return hashes ^ np.packbits(noise, axis=1)


def table(hashes: Hashes, sha256: list[str] | None = None, pixels: list[str] | None = None) -> pa.Table:
    return pa.table(
        {
            "sha256": pa.array(sha256 or [f"s{i}" for i in range(len(hashes))], pa.string()),
            "pixel_hash": pa.array(pixels or [f"p{i}" for i in range(len(hashes))], pa.string()),
            "phash": pa.array([h.tobytes() for h in hashes], pa.binary()),
        }
    )


def found(pairs: pa.Table) -> list[tuple[int, int, str]]:
    return [(row["first"], row["second"], row["kind"]) for row in pairs.to_pylist()]


def test_equal_bytes_and_equal_pixels_are_stars() -> None:
    hashes = random_hashes(6)
    sha256 = ["a", "b", "a", "c", "a", "d"]
    pixels = ["x", "y", "x", "y", "x", "z"]
    pairs = candidate_pairs(table(hashes, sha256, pixels), DuplicateSettings())
    assert pairs.schema == PAIR_SCHEMA
    assert found(pairs) == [(0, 2, "bytes"), (0, 4, "bytes"), (1, 3, "pixels")]


def test_unknown_hashes_equal_nothing() -> None:
    pairs = candidate_pairs(table(random_hashes(4), [""] * 4, [""] * 4), DuplicateSettings())
    assert pairs.num_rows == 0


def test_near_pairs_are_found_under_every_turn_and_mirror() -> None:
    originals = random_hashes(80)
    for transform in TRANSFORMS:
        turned = np.stack([np.frombuffer(transformed_hash(h.tobytes(), transform), np.uint8) for h in originals])
        copies = with_bits_changed(turned, 0.04)
        pairs = near_pairs(np.concatenate([originals, copies]), DuplicateSettings())
        rows = dict(
            zip(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True), range(len(pairs.first)), strict=True)
        )
        assert sum((i, i + 80) in rows for i in range(80)) >= 79
        for i in range(80):
            if (i, i + 80) in rows:
                row = rows[i, i + 80]
                assert pairs.distance[row] == np.bitwise_count(turned[i] ^ copies[i]).sum()
                assert TRANSFORMS[pairs.transform[row]] == inverse(transform)


def test_nothing_beyond_the_distance_is_a_candidate() -> None:
    originals = random_hashes(200)
    hashes = np.concatenate([originals, with_bits_changed(originals, 0.1)])
    settings = DuplicateSettings(max_distance=12, band_bits=8)
    pairs = near_pairs(hashes, settings)
    assert (pairs.distance <= 12).all()
    assert len(near_pairs(hashes, DuplicateSettings(band_bits=8)).first) > len(pairs.first)


def test_unrelated_hashes_make_no_candidates() -> None:
    assert len(near_pairs(random_hashes(3000), DuplicateSettings()).first) == 0


def test_equal_hashes_cost_one_pair_each() -> None:
    hashes = np.zeros((5000, HASH_BYTES), np.uint8)
    pairs = near_pairs(hashes, DuplicateSettings())
    assert len(pairs.first) == 4999
    assert (pairs.first == 0).all()


def test_crowded_buckets_are_bounded() -> None:
    # 4,000 hashes that differ from one another in two bits of high frequency: every band has one bucket.
    hashes = np.zeros((4000, HASH_BYTES), np.uint8)
    hashes[:, -2:] = np.arange(4000, dtype=">u2").view(np.uint8).reshape(-1, 2)
    settings = DuplicateSettings(bucket=4, bands=3)
    pairs = near_pairs(hashes, settings)
    assert 3999 <= len(pairs.first) <= 4000 * 4 * 3 + 4000


def test_row_order_does_not_matter_for_who_is_paired() -> None:
    originals = random_hashes(100)
    hashes = np.concatenate([originals, with_bits_changed(originals, 0.05)])
    order = np.random.default_rng(2).permutation(len(hashes))
    straight = near_pairs(hashes, DuplicateSettings())
    shuffled = near_pairs(hashes[order], DuplicateSettings())
    expected = {frozenset(pair) for pair in zip(straight.first.tolist(), straight.second.tolist(), strict=True)}
    actual = {frozenset(order[list(pair)].tolist()) for pair in zip(shuffled.first, shuffled.second, strict=True)}
    assert actual == expected


def test_an_empty_table_has_no_pairs() -> None:
    assert candidate_pairs(table(random_hashes(0)), DuplicateSettings()).num_rows == 0
    assert candidate_pairs(table(random_hashes(1)), DuplicateSettings()).num_rows == 0


def test_a_hash_of_wrong_length_is_refused() -> None:
    images = table(random_hashes(2)).set_column(2, "phash", pa.array([b"short", b"x" * 32], pa.binary()))
    with pytest.raises(ValueError, match="32 bytes"):
        candidate_pairs(images, DuplicateSettings())


@pytest.mark.parametrize(
    "values", [{"band_bits": 4}, {"max_distance": 128}, {"bands": 0}, {"min_agreement": 0.0}, {"forgiven_share": 0.9}]
)
def test_settings_out_of_range_name_their_key(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        DuplicateSettings(**values)  # type: ignore[arg-type]
