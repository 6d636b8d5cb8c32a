"""Candidate pairs: exact ones as stars, near ones through bands, and bounded work whatever the hashes are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from million_ird.duplicates import PAIR_SCHEMA, DuplicateSettings, candidate_pairs, near
from million_ird.duplicates.near import near_pairs
from million_ird.errors import UsageError
from million_ird.fingerprint import HASH_BYTES, TRANSFORMS, inverse, transformed_hash
from million_ird.key_sorted import KeySorted

Hashes = npt.NDArray[np.uint8]
Table = Callable[..., KeySorted]


def random_hashes(count: int, seed: int = 0) -> Hashes:
    return np.random.default_rng(seed).integers(0, 256, (count, HASH_BYTES), np.uint8)


def with_bits_changed(hashes: Hashes, rate: float, seed: int = 1) -> Hashes:
    random = np.random.default_rng(seed)
    noise = random.random((len(hashes), HASH_BYTES * 8)) < rate
    return hashes ^ np.packbits(noise, axis=1)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Images with these hashes; bytes and pixels all different unless they are given."""

    def make(hashes: Sequence[bytes], sha256: Sequence[str] = (), pixels: Sequence[str] = ()) -> KeySorted:
        different = [f"{number:064x}" for number in range(1 << 60, (1 << 60) + len(hashes))]
        columns = {
            "sha256": pa.array(sha256 or different, pa.string()),
            "pixel_hash": pa.array(pixels or different, pa.string()),
            "phash": pa.array(list(hashes), pa.binary()),
        }
        pq.write_table(pa.table(columns), tmp_path / "images.parquet")
        return KeySorted(tmp_path / "images.parquet")

    return make


def digits(letters: str) -> list[str]:
    """A string of 64 digits for each letter, equal ones for equal letters; "" for a dot."""
    return ["" if letter == "." else 64 * letter for letter in letters]


def as_bytes(hashes: Hashes) -> list[bytes]:
    return [row.tobytes() for row in hashes]


def found(pairs: pa.Table) -> list[tuple[int, int, str]]:
    return [(row["first"], row["second"], row["kind"]) for row in pairs.to_pylist()]


def test_equal_bytes_and_equal_pixels_are_stars(table: Table) -> None:
    images = table(as_bytes(random_hashes(6)), digits("abacad"), digits("123112"))
    pairs = candidate_pairs(images, DuplicateSettings())
    assert pairs.schema == PAIR_SCHEMA
    assert found(pairs) == [(0, 2, "bytes"), (0, 3, "pixels"), (0, 4, "bytes"), (1, 5, "pixels")]


def test_strings_are_compared_to_their_ends(table: Table) -> None:
    alike = ["a" * 64, "a" * 63 + "b", "a" * 64]
    pairs = candidate_pairs(table(as_bytes(random_hashes(3)), alike), DuplicateSettings())
    assert found(pairs) == [(0, 2, "bytes")]


def test_unknown_hashes_equal_nothing(table: Table) -> None:
    unknown = digits("....")
    assert candidate_pairs(table(as_bytes(random_hashes(4)), unknown, unknown), DuplicateSettings()).num_rows == 0


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


def test_hashes_are_looked_at_in_parts_of_whole_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = random_hashes(300)
    dark = random_hashes(200, 3)
    dark[:, :28] = 0
    hashes = np.concatenate([originals, with_bits_changed(originals, 0.05), dark, dark[:50]])
    settings = DuplicateSettings(bands=5, band_bits=12)
    whole = near_pairs(hashes, settings)
    monkeypatch.setattr(near, "_CHUNK", 37)
    parts = near_pairs(hashes, settings)
    assert len(whole.first) > 500
    assert list(zip(*parts, strict=True)) == list(zip(*whole, strict=True))


def test_hashes_that_take_no_part_are_in_no_pair() -> None:
    originals = random_hashes(50)
    hashes = np.concatenate([originals, originals, with_bits_changed(originals, 0.03)])
    takes_part = np.arange(150) >= 50
    pairs = near_pairs(hashes, DuplicateSettings(), takes_part)
    expected = near_pairs(hashes[50:], DuplicateSettings())
    assert np.array_equal(pairs.first, expected.first + 50) and np.array_equal(pairs.second, expected.second + 50)


def test_an_empty_table_has_no_pairs(table: Table) -> None:
    assert candidate_pairs(table([]), DuplicateSettings()).num_rows == 0
    assert candidate_pairs(table(as_bytes(random_hashes(1))), DuplicateSettings()).num_rows == 0


def test_a_hash_of_wrong_length_is_refused(table: Table) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        candidate_pairs(table([b"short", b"x" * 32]), DuplicateSettings())


@pytest.mark.parametrize(
    "values", [{"band_bits": 4}, {"max_distance": 128}, {"bands": 0}, {"min_agreement": 0.0}, {"forgiven_share": 0.9}]
)
def test_settings_out_of_range_name_their_key(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        DuplicateSettings(**values)  # type: ignore[arg-type]
