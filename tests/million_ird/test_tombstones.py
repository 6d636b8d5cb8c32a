"""A picture is known again by any of its hashes, and by none of another picture's."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from million_ird.errors import UsageError
from million_ird.fingerprint import TRANSFORMS, fingerprint, transformed
from million_ird.layout import TOMBSTONES
from million_ird.records import TOMBSTONE_SCHEMA
from million_ird.store import Store
from million_ird.tombstones import NEAR_BITS, Tombstones, read_tombstones
from tests.flow.world import Pixels, jpeg, picture


def _stones(*seeds: int, sha256: str = "") -> Tombstones:
    prints = {seed: fingerprint(picture(seed)) for seed in seeds}
    rows = [
        {"key": f"{seed:024x}", "sha256": sha256, "pixel_hash": p.pixel_hash, "phash": p.phash, "reason": ""}
        for seed, p in prints.items()
    ]
    return Tombstones(pa.Table.from_pylist(rows, schema=TOMBSTONE_SCHEMA))


def test_each_hash_is_enough() -> None:
    stones = _stones(1, 2, sha256="ab" * 32)
    prints = fingerprint(picture(2))
    for hashes in ({"sha256": "ab" * 32}, {"pixel_hash": prints.pixel_hash}, {"phash": prints.phash}):
        found = stones.find("f" * 24, **hashes)
        assert found is not None
        assert (found.step, found.reason) == ("screen", "taken_down")
    assert stones.find(f"{1:024x}") is not None
    assert stones.find("f" * 24) is None


def test_an_unknown_hash_matches_no_unknown_hash() -> None:
    assert _stones(1).find("f" * 24, "", "", b"") is None
    assert Tombstones().find("f" * 24, "", "", fingerprint(picture(1)).phash) is None


def _encoded_anew(rgb: Pixels) -> Pixels:
    with Image.open(io.BytesIO(jpeg(rgb, 70))) as image:
        return np.array(image)


def test_turned_and_encoded_anew_it_is_the_same_and_another_is_not() -> None:
    stones = _stones(1)
    copies = [_encoded_anew(np.ascontiguousarray(transformed(picture(1), transform))) for transform in TRANSFORMS]
    others = [picture(seed) for seed in range(20, 30)]
    hashes = [fingerprint(rgb).phash for rgb in [*copies, *others]]
    expected = [True] * 8 + [False] * 10
    assert [stones.find("f" * 24, phash=phash) is not None for phash in hashes] == expected
    table = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)
    assert stones.near(table).tolist() == expected


def test_near_ends_where_it_says() -> None:
    phash = fingerprint(picture(1)).phash
    for bits, same in ((NEAR_BITS, True), (NEAR_BITS + 1, False)):
        flipped = np.frombuffer(phash, np.uint8).copy()
        flipped[: bits // 8] ^= 0xFF
        flipped[bits // 8] ^= (0xFF00 >> bits % 8) & 0xFF
        assert _stones(1).near(flipped[None]).tolist() == [same]
        assert (_stones(1).find("f" * 24, phash=flipped.tobytes()) is not None) == same


def test_they_are_read_from_the_dataset_and_from_others(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "set"))
    assert len(read_tombstones(store)) == 0
    store.write(TOMBSTONES, _stones(1).to_parquet())
    (tmp_path / "other.parquet").write_bytes(_stones(2).to_parquet())
    assert read_tombstones(store, [str(tmp_path / "other.parquet")]).keys == {f"{1:024x}", f"{2:024x}"}
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    for name in ("broken.parquet", "missing.parquet"):
        with pytest.raises(UsageError, match=rf"takedown\.tombstones: .*{name} is no table of tombstones"):
            read_tombstones(store, [str(tmp_path / name)])
