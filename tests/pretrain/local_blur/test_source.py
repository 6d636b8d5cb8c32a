"""Batches of blurred, sharp and mask crops: one place and one turn for all three, decided by seed and position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from million_ird.errors import DatasetError, UsageError
from pretrain.finetune.recipe import ReadingSettings
from pretrain.local_blur.settings import LocalBlurSettings
from pretrain.local_blur.source import LocalBlurBatch, LocalBlurSource, open_triples
from tests.pretrain.local_blur.triples import disc, encoded, masks_of, members, picture, write_folder, write_tar


def opened(
    place: Path | str, seed: int = 0, threads: int = 2, said: list[str] | None = None, **settings: Any
) -> LocalBlurSource:
    chosen = LocalBlurSettings(**{"crop": 32, "lanes": 2, "window": 4, **settings})
    say: Callable[[str], None] = (said if said is not None else []).append
    return open_triples([str(place)], chosen, seed, ReadingSettings(threads=threads, prefetch=2), say=say)


def batches(source: LocalBlurSource, count: int, **options: int) -> list[LocalBlurBatch]:
    with source.loader(**{"batch_size": 4, **options}) as found:
        return [next(found) for _ in range(count)]


def equal(one: LocalBlurBatch, other: LocalBlurBatch) -> bool:
    same = all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("blurred", "sharp", "masks"))
    return same and (one.step, one.keys) == (other.step, other.keys)


def test_a_batch_is_three_tensors_of_bytes(tmp_path: Path) -> None:
    (batch,) = batches(opened(write_folder(tmp_path)), 1)
    assert (batch.blurred.dtype, tuple(batch.blurred.shape)) == (torch.uint8, (4, 3, 32, 32))
    assert (batch.sharp.dtype, tuple(batch.sharp.shape)) == (torch.uint8, (4, 3, 32, 32))
    assert (batch.masks.dtype, tuple(batch.masks.shape)) == (torch.uint8, (4, 1, 32, 32))
    assert set(batch.masks.unique().tolist()) <= {0, 1}
    assert all(key.startswith("s01/") for key in batch.keys)


def test_all_three_are_the_same_place_turned_the_same_way(tmp_path: Path) -> None:
    for batch in batches(opened(write_folder(tmp_path)), 8):
        for row, key in enumerate(batch.keys):
            columns, rows, number = batch.blurred[row].numpy()
            assert torch.equal(batch.sharp[row], 255 - batch.blurred[row])
            assert (number == int(key[-2:])).all()
            assert np.array_equal(batch.masks[row, 0].numpy() == 1, masks_of(int(key[-2:]))[rows, columns])
            assert (np.ptp(columns), np.ptp(rows)) == (31, 31)


def test_the_sequence_depends_on_nothing_but_seed_and_position(tmp_path: Path) -> None:
    place = write_folder(tmp_path)
    reference = batches(opened(place, threads=0), 6)
    assert all(map(equal, reference, batches(opened(place, threads=3), 6)))
    assert all(map(equal, reference[4:], batches(opened(place), 2, start_step=4)))
    halves = [batches(opened(place), 6, rank=rank, ranks=2) for rank in range(2)]
    for step, whole in enumerate(reference):
        for rank in range(2):
            assert halves[rank][step].keys == whole.keys[rank::2]
            assert torch.equal(halves[rank][step].masks, whole.masks[rank::2])
    assert not all(map(equal, reference, batches(opened(place, seed=1), 6)))


def test_each_epoch_shows_every_pair_once_elsewhere(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path))
    first, second = ([source.sample(position) for position in range(start, start + 6)] for start in (0, 6))
    assert sorted(each.key for each in first) == sorted(each.key for each in second) == [f"s01/0{n}" for n in range(6)]
    places = {(each.key, each.blurred[0, 0].tobytes(), each.blurred[-1, -1].tobytes()) for each in first + second}
    assert len(places) == 12


def test_several_crops_of_a_pair_in_an_epoch(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path), crops_per_pair=3)
    keys = [source.sample(position).key for position in range(18)]
    assert all(keys.count(f"s01/0{number}") == 3 for number in range(6))


def test_a_checkpoint_of_another_sequence_is_refused(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path / "a"))
    source.check(source.state())
    with pytest.raises(UsageError, match=r"local_blur: speck is 9, but 64 in the checkpoint"):
        opened(tmp_path / "a", speck=9).check(source.state())
    with pytest.raises(DatasetError, match="not those of the checkpoint"):
        opened(write_folder(tmp_path / "b", 4)).check(source.state())


def test_a_copy_elsewhere_is_the_same_data(tmp_path: Path) -> None:
    one, two = opened(write_folder(tmp_path / "a")), opened(write_folder(tmp_path / "b"))
    assert one.fingerprint == two.fingerprint
    assert equal(batches(one, 1)[0], batches(two, 1)[0])


def test_jpegs_and_remote_shards_are_read_too(tmp_path: Path) -> None:
    import fsspec

    samples = {}
    for number in range(4):
        parts = {**members(number, masks_of(number)), "blur.jpg": encoded(picture(number), "JPEG", quality=95)}
        del parts["blur.png"]
        samples[f"{number}"] = parts
    tar = write_tar(tmp_path / "a.tar", samples)
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/local-blur/pairs/00000.tar", tar.read_bytes())
    try:
        local, remote = (batches(opened(place), 1)[0] for place in (tar, "memory://local-blur"))
    finally:
        memory.rm("/local-blur", recursive=True)
    assert equal(local, remote)
    difference = (local.blurred.int() + local.sharp.int() - 255).abs().float().mean()
    assert 0 < difference < 6


def test_damaged_pairs_are_replaced_and_counted(tmp_path: Path) -> None:
    place, said = write_folder(tmp_path), list[str]()
    opened(place)
    tar = place / "pairs-png-png/00000.tar"
    stat, data = tar.stat(), bytearray(tar.read_bytes())
    data[600] ^= 255
    tar.write_bytes(data)
    import os

    os.utime(tar, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    reading = ReadingSettings(threads=2, prefetch=2, max_damaged_share=0.1, damage_grace=40)
    settings = LocalBlurSettings(crop=32, lanes=2, window=4)
    source = open_triples([str(place)], settings, 0, reading, say=said.append)
    with source.loader(batch_size=6) as found:
        first = next(found)
        assert first.substituted == 1
        assert "s01/00" not in first.keys
        assert "s01/00.blur is damaged" in said[-1]
        with pytest.raises(DatasetError, match="were damaged, more than"):
            [next(found) for _ in range(10)]


def test_a_mask_with_grey_levels_is_damaged(tmp_path: Path) -> None:
    grey = encoded(disc(40, 40).astype(np.uint8) * 100)
    samples = {"a": {**members(0, disc(40, 40)), "mask.png": grey}, "b": members(1, disc(40, 40))}
    source = opened(write_tar(tmp_path / "a.tar", samples))
    assert {source.sample(position).key for position in range(8)} == {"b"}
    damages = [line for position in range(8) for line in source.sample(position).damages]
    assert "a.mask: values other than 0 and 255 in a mask" in damages


def test_what_is_no_triple_is_left_out_and_counted(tmp_path: Path) -> None:
    whole, said = members(0, disc(40, 40)), list[str]()
    turned = encoded(
        picture(0), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    )
    samples = {
        "whole": whole,
        "single": {name: data for name, data in whole.items() if name != "sharp.png"},
        "maskless": {name: data for name, data in whole.items() if name != "mask.png"},
        "other-size": {**whole, "mask.png": encoded(disc(9, 9, 5, 50))},
        "turned": {**{name: data for name, data in whole.items() if name != "blur.png"}, "blur.jpg": turned},
        "broken": {**whole, "sharp.png": b"nothing"},
        "no-png": {**whole, "mask.png": whole["blur.png"][:20]},
        "small": members(1, disc(5, 5, 3, 20), 20),
    }
    source = opened(write_tar(tmp_path / "a.tar", samples), said=said)
    assert len(source) == 1
    reasons = " ".join(said)
    for reason in (
        "1 pairs are smaller",
        "1 without_sharp",
        "1 without_mask",
        "1 sizes_differ",
        "1 blur_is_not_upright",
    ):
        assert reason in reasons
    assert "1 mask_is_no_png" in reasons
    assert "1 sharp_" in reasons


@pytest.mark.parametrize("make", [lambda folder: folder, lambda folder: folder / "nothing"])
def test_places_without_shards_are_one_line(make: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no tar in"):
        opened(make(tmp_path))


def test_shards_without_pairs_and_pairs_that_are_too_small_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pair with a blur mask"):
        opened(write_tar(tmp_path / "a.tar", {"a": {"jpg": b""}}))
    (tmp_path / "b.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(DatasetError, match="is no tar"):
        opened(tmp_path / "b.tar")
    with pytest.raises(DatasetError, match="smaller than the crop of 128"):
        opened(write_folder(tmp_path / "c"), crop=128)


@pytest.mark.parametrize(
    "wrong",
    [{"crop": 0}, {"blur_aware": 1.5}, {"blur_aware": float("nan")}, {"speck": 0}, {"window": 1 << 20}, {"lanes": 0}],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"local_blur.{next(iter(wrong))} must be"):
        LocalBlurSettings(**wrong)


def test_batches_that_cannot_be_divided_are_refused(tmp_path: Path) -> None:
    source = opened(write_folder(tmp_path))
    for options in ({"batch_size": 0}, {"rank": 2, "ranks": 2}, {"ranks": 4}, {"start_step": -1}):
        with pytest.raises(UsageError):
            source.loader(**{"batch_size": 4, **options})
    with pytest.raises(UsageError, match="at least one folder"):
        open_triples([], LocalBlurSettings(), 0)
