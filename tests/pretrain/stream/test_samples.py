"""From position to sample: its randomness, shared decodes, and what replaces a damaged patch."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from million_ird.errors import DatasetError, StoreError
from pretrain.crop import random_crop
from pretrain.stream import samples as samples_module
from pretrain.stream.cache import ShardCache
from pretrain.stream.reader import Reader
from pretrain.stream.samples import Sample, Sampler, sample_rng
from pretrain.stream.stream import Stream
from tests.pretrain.stream.world import make, stream_of, write_tars


def _sampler(stream: Stream, cache: Path) -> Sampler:
    reader = Reader(stream.index, ShardCache(cache, 10**9))
    return Sampler(stream.selection, stream.order, reader, make)


def _same(a: Sample, b: Sample) -> bool:
    pixels = np.array_equal(a.target, b.target) and np.array_equal(a.made.input, b.made.input)
    return pixels and (a.patch, a.damages) == (b.patch, b.damages)


@pytest.fixture
def tars(tmp_path: Path) -> Path:
    return write_tars(tmp_path / "set")


def test_the_generator_of_a_sample_is_what_it_was() -> None:
    assert sample_rng(1, 2, "key", 3).integers(0, 1000, 6).tolist() == [188, 602, 960, 649, 351, 836]
    digest_of_each = {
        tuple(sample_rng(*arguments).integers(0, 1000, 6).tolist())
        for arguments in [(1, 2, "key", 3), (0, 2, "key", 3), (1, 0, "key", 3), (1, 2, "kez", 3), (1, 2, "key", 0)]
    }
    assert len(digest_of_each) == 5


def test_a_sample_is_its_patch_cropped_and_made_with_its_own_generator(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache", seed=4, crops_per_patch=2)
    sampler = _sampler(stream, tmp_path / "cache")
    for position in range(60):
        place = stream.order.place(position)
        patch = stream.selection.patch(place.patch)
        rng = sample_rng(4, place.epoch, patch.key, place.crop)
        target = random_crop(stream.read(patch), "jpg", 48, 48, 1, 32, rng)
        wanted = Sample(target, make(target, rng), patch.number, ())
        assert _same(sampler.sample(position, 32), wanted)


def test_samples_do_not_depend_on_the_order_in_which_they_are_asked_for(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache", crops_per_patch=3)
    forwards, backwards = _sampler(stream, tmp_path / "cache"), _sampler(stream, tmp_path / "cache")
    sides = [32, 48, 16]
    wanted = [forwards.sample(position, sides[position % 3]) for position in range(80)]
    found = [backwards.sample(position, sides[position % 3]) for position in reversed(range(80))]
    assert all(_same(a, b) for a, b in zip(wanted, reversed(found), strict=True))


@pytest.mark.parametrize(("crops", "decodes"), [(1, 36), (2, 18), (3, 12)])
def test_crops_of_a_patch_share_one_decode(
    tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crops: int, decodes: int
) -> None:
    calls = []
    original = samples_module.random_crops
    monkeypatch.setattr(samples_module, "random_crops", lambda *rest: calls.append(1) or original(*rest))
    stream = stream_of(tars, tmp_path / "cache", crops_per_patch=crops, lanes=3)
    sampler = _sampler(stream, tmp_path / "cache")
    for position in range(36):  # each of the 3 lanes has a multiple of 2 and 3
        sampler.sample(position, 32)
    assert len(calls) == decodes
    assert len(sampler._waiting) == 0


def _damage(tars: Path, stream: Stream, numbers: Sequence[int]) -> None:
    for number in numbers:
        patch = stream.index.patch(number)
        file = Path(stream.index.shards[patch.shard][1].name)
        data = bytearray(file.read_bytes())
        data[patch.offset + patch.size // 2] ^= 0xFF
        file.write_bytes(data)


def test_a_damaged_patch_gives_way_to_a_substitute_and_shifts_nothing(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    whole = [_sampler(stream, tmp_path / "cache").sample(position, 32) for position in range(54)]
    _damage(tars, stream, [2, 9])
    found = [_sampler(stream, tmp_path / "cache").sample(position, 32) for position in range(54)]
    replaced = 0
    for position, (before, after) in enumerate(zip(whole, found, strict=True)):
        if before.patch not in (2, 9):
            assert _same(before, after)
            continue
        replaced += 1
        patches = [stream.order.substitute(position, attempt).patch for attempt in range(4)]
        assert after.patch == next(patch for patch in patches if patch not in (2, 9))
        assert "is damaged (checksum differs)" in after.damages[0]
        assert stream.index.patch(before.patch).key in after.damages[0]
    assert replaced == 6  # two of 18 patches in three epochs


def test_a_shard_cut_short_and_a_missing_one_are_damage(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    (tars / "0.tar").unlink()
    file = tars / "1.tar"
    file.write_bytes(file.read_bytes()[: stream.index.patch(11).offset + 5])
    sampler = _sampler(stream, tmp_path / "cache")
    found = [sampler.sample(position, 32) for position in range(18)]
    assert {sample.patch for sample in found} <= set(range(6, 11)) | set(range(12, 18))
    lines = "\n".join(line for sample in found for line in sample.damages)
    assert "0.tar is missing" in lines
    assert "k0011 is damaged (the tar ends before it does)" in lines


def test_a_bad_place_on_the_disk_is_damage(tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    bad, original = stream.index.patch(4).offset, os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if offset == bad:
            raise OSError(errno.EIO, "Input/output error")
        return original(descriptor, size, offset)

    monkeypatch.setattr("pretrain.stream.reader.os.pread", pread)
    sampler = _sampler(stream, tmp_path / "cache")
    lines = [line for position in range(18) for line in sampler.sample(position, 32).damages]
    assert any("k0004 cannot be read (Input/output error)" in line for line in lines)


def test_a_shard_that_may_not_be_read_ends_the_run(tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of(tars, tmp_path / "cache")

    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pretrain.stream.cache.os.open", refuse)
    with pytest.raises(StoreError, match=r"cannot read .*\.tar: Permission denied"):
        _sampler(stream, tmp_path / "cache").sample(0, 32)


def test_what_cannot_be_decoded_is_damage(tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are as recorded and no picture of the recorded size."""
    stream = stream_of(tars, tmp_path / "cache")
    part = stream.index.parts[0]
    columns: dict[str, Any] = dict(part.columns)
    columns["width"] = columns["width"].copy()
    columns["width"][7] = 64
    monkeypatch.setattr(part, "columns", columns)
    sampler = _sampler(stream, tmp_path / "cache")
    found = [sampler.sample(position, 32) for position in range(18)]
    damages = [line for sample in found for line in sample.damages]
    assert damages
    assert all(line.startswith("k0007: ") and "\n" not in line for line in damages)


def test_a_dataset_damaged_all_over_ends_in_one_line(tars: Path, tmp_path: Path) -> None:
    stream = stream_of(tars, tmp_path / "cache")
    for file in tars.glob("*.tar"):
        file.unlink()
    with pytest.raises(DatasetError, match=r"position 3: the patch and 15 substitutes are damaged; .* is missing"):
        _sampler(stream, tmp_path / "cache").sample(3, 32)


def test_a_reader_keeps_few_files_open(tars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pretrain.stream.reader._OPEN_SHARDS", 2)
    stream = stream_of(tars, tmp_path / "cache")
    reader = Reader(stream.index, ShardCache(tmp_path / "cache", 10**9))
    for number in (0, 6, 12, 0, 12):
        reader.read(stream.index.patch(number))
        assert len(reader._open) <= 2
    reader.close()
    assert len(reader._open) == 0
