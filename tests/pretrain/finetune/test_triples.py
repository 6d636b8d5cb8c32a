"""Tasks of blurred frames, sharp frames and masks: one place and one turn for all three."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from million_ird.errors import DatasetError
from million_ird.patches import Box
from pretrain.finetune.folders import TaskData
from pretrain.finetune.pictures import DecodedPictures
from pretrain.finetune.samples import Sample, SampleMaker
from pretrain.finetune.tasks import TaskSettings
from pretrain.finetune.triples import open_triples
from tests.pretrain.finetune.worlds import opened, reasons
from tests.pretrain.local_blur.triples import disc, encoded, masks_of, members, picture, write_folder, write_tar

_SIDE = 32


def _task(place: Path, hold_out: int = 0, side: int = _SIDE, **values: object) -> TaskData:
    return opened("deblur", TaskSettings(triples=(str(place),), **values), side, hold_out, cache=10**7)  # type: ignore[arg-type]


def _samples(task: TaskData, count: int, seed: int = 0) -> list[Sample]:
    maker = SampleMaker({"deblur": task}, {"deblur": 1.0}, seed, _SIDE)
    return [maker.sample(position) for position in range(count)]


def test_all_three_are_the_same_place_turned_the_same_way(tmp_path: Path) -> None:
    samples = _samples(_task(write_folder(tmp_path)), 40)
    for sample in samples:
        columns, rows, number = np.moveaxis(sample.input, -1, 0)
        assert np.array_equal(sample.target, 255 - sample.input)
        assert sample.mask is not None
        assert sample.mask.dtype == np.bool_
        assert np.array_equal(sample.mask, masks_of(int(number[0, 0]))[rows, columns])
        assert (np.ptp(columns), np.ptp(rows)) == (_SIDE - 1, _SIDE - 1)
    corners = {
        (int(np.argmin(s.input[..., :2].sum(-1, dtype=int))), s.input[0, 0, 0] == s.input[0, 1, 0]) for s in samples
    }
    assert len(corners) == 8


def test_each_epoch_shows_every_pair_once_elsewhere(tmp_path: Path) -> None:
    samples = _samples(_task(write_folder(tmp_path)), 12)
    first, second = ([int(s.input[0, 0, 2]) for s in samples[start : start + 6]] for start in (0, 6))
    assert sorted(first) == sorted(second) == list(range(6))
    assert len({s.input.tobytes() for s in samples}) == 12


def test_blur_aware_crops_show_more_blur_and_specks_attract_none(tmp_path: Path) -> None:
    write_folder(tmp_path)
    shares = {}
    for aware, speck in ((0.0, 64), (1.0, 64), (1.0, 10_000)):
        samples = _samples(_task(tmp_path, blur_aware=aware, speck=speck), 60)
        shares[aware, speck] = np.mean([s.mask.mean() for s in samples if s.mask is not None])
    assert shares[1.0, 64] > 1.5 * shares[0.0, 64]
    assert shares[1.0, 10_000] < 1.3 * shares[0.0, 64]


def test_a_pair_is_trained_on_or_held_out_and_never_both(tmp_path: Path) -> None:
    task = _task(write_folder(tmp_path), hold_out=2)
    training, held = ({each.key for each in part} for part in (task.training, task.held_out))
    assert (len(training), len(held)) == (4, 2)
    assert training.isdisjoint(held)
    assert all(each.degraded is not None and each.mask is not None for each in task.held_out)


def test_a_pair_that_nothing_is_blurred_in_is_not_judged_by(tmp_path: Path) -> None:
    nothing = np.zeros((96, 96), np.bool_)
    task = _task(write_tar(tmp_path / "a.tar", {f"{n}": members(n, nothing) for n in range(4)}), hold_out=1)
    assert len(task.training) == 3
    assert task.held_out == []
    assert set(reasons(task.left_out).values()) == {"held out, but nothing is blurred in its mask"}


def test_small_pairs_are_left_out(tmp_path: Path) -> None:
    samples = {"large": members(0, disc(40, 40)), "small": members(1, disc(5, 5, 3, 20), 20)}
    task = _task(write_tar(tmp_path / "a.tar", samples))
    assert [each.key for each in task.training] == ["large.blur"]
    assert reasons(task.left_out) == {"small.blur": "smaller than the crop of 32 pixels"}
    with pytest.raises(DatasetError, match=r"tasks\.deblur: none of 2 files in .*a\.tar can be used"):
        _task(tmp_path / "a.tar", side=128)


def test_keys_that_are_no_triples_are_said(tmp_path: Path) -> None:
    whole = members(0, disc(40, 40))
    lone = {name: data for name, data in whole.items() if name != "sharp.png"}
    tar = write_tar(tmp_path / "a.tar", {"a": whole, "b": lone})
    said: list[str] = []
    found = open_triples([str(tar)], DecodedPictures(0), said.append)
    assert len(found.examples) == 1
    assert said[-1] == f"{tar}: no pair with a mask: 1 without_sharp"


def test_jpegs_are_cut_out_of_the_same_place(tmp_path: Path) -> None:
    parts = {**members(1, disc(40, 40)), "blur.jpg": encoded(picture(1), "JPEG", quality=95)}
    del parts["blur.png"]
    for sample in _samples(_task(write_tar(tmp_path / "a.tar", {"a": parts})), 4):
        assert np.abs(sample.input.astype(int) - (255 - sample.target)).mean() < 6


def test_damaged_pairs_are_replaced(tmp_path: Path) -> None:
    write_folder(tmp_path)
    _task(tmp_path)  # indexed while it is whole
    tar = tmp_path / "pairs-png-png/00000.tar"
    stat, data = tar.stat(), bytearray(tar.read_bytes())
    data[600] ^= 255
    tar.write_bytes(data)
    os.utime(tar, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    samples = _samples(_task(tmp_path), 6)
    (damaged,) = [sample for sample in samples if sample.damages]
    assert "s01/00.blur is damaged" in damaged.damages[0]
    assert 0 not in {int(sample.input[0, 0, 2]) for sample in samples}


def test_a_damaged_mask_is_found_when_it_is_held_out_and_when_it_is_cut(tmp_path: Path) -> None:
    grey = encoded(disc(40, 40).astype(np.uint8) * 100)
    bad, good = {**members(0, disc(40, 40)), "mask.png": grey}, members(1, disc(40, 40))
    place = write_tar(tmp_path / "a.tar", {"a": bad, "b": good})
    samples = _samples(_task(place), 4)
    assert {int(sample.input[0, 0, 2]) for sample in samples} == {1}
    assert "a.mask: values other than 0 and 255 in a mask" in {line for s in samples for line in s.damages}
    held = _task(write_tar(tmp_path / "b.tar", {"a": bad, "b": bad}), hold_out=1)
    ((name, reason),) = reasons(held.left_out).items()
    assert reason == f"damaged: {name.replace('blur', 'mask')}: values other than 0 and 255 in a mask"


def test_decoded_pictures_are_kept_and_those_of_two_shards_not_mixed_up(tmp_path: Path) -> None:
    decoded = DecodedPictures(10**7)
    pixels = []
    for number in (1, 2):
        tar = write_tar(tmp_path / f"{number}.tar", {"same": members(number, disc(40, 40))})
        (example,) = open_triples([str(tar)], decoded, lambda _line: None).examples
        assert example.degraded is not None
        pixels.append(example.degraded.read(Box(0, 0, 4, 4)))
        assert np.shares_memory(pixels[-1], example.degraded.read(Box(0, 0, 4, 4)))
    assert [int(part[0, 0, 2]) for part in pixels] == [1, 2]


def test_the_fingerprint_knows_pairs_and_crops_and_not_the_place(tmp_path: Path) -> None:
    one, two = (_task(write_folder(tmp_path / name)).fingerprint for name in "ab")
    assert one == two
    assert _task(tmp_path / "a", speck=9).fingerprint != one
    assert _task(write_folder(tmp_path / "c", 4)).fingerprint != one
