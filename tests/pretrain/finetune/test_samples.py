"""Samples as a function of (seed, position): cut and turned alike in both halves of a pair, noisy as wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from million_ird.errors import DatasetError
from million_ird.local_blur import LocalBlurSettings
from pretrain.corrupt import jpeg_round_trip
from pretrain.degradations.demosaic import interpolate, mosaic
from pretrain.degradations.resize import downscale
from pretrain.finetune.samples import Sample, SampleMaker
from pretrain.finetune.tasks import TaskSettings
from tests.pretrain.finetune.worlds import Pixels, denoise_task, derain_task, opened
from tests.pretrain.picture_files import write_pictures

_SIDE = 32


def _maker(tmp_path: Path, seed: int = 0, **values: object) -> SampleMaker:
    tasks = {
        "denoise": opened("denoise", denoise_task(tmp_path / "d", **values)),
        "derain": opened("derain", derain_task(tmp_path / "r")),
    }
    return SampleMaker(tasks, {"denoise": 1.0, "derain": 1.0}, seed, _SIDE)


def _whole(path: Path) -> Pixels:
    with Image.open(path) as stored:
        return np.asarray(stored.convert("RGB"))


def _turns(square: Pixels) -> list[Pixels]:
    return [np.rot90(each, k) for each in (square, square[:, ::-1]) for k in range(4)]


def _find(crop: Pixels, picture: Pixels) -> tuple[int, int, int]:
    """(turn, y, x) at which a crop was cut out of a picture."""
    for turn, square in enumerate(_turns(crop)):
        for y in range(picture.shape[0] - _SIDE + 1):
            for x in range(picture.shape[1] - _SIDE + 1):
                if np.array_equal(square[0], picture[y, x : x + _SIDE]) and np.array_equal(
                    square, picture[y : y + _SIDE, x : x + _SIDE]
                ):
                    return turn, y, x
    raise AssertionError("the crop is not of this picture")


def test_both_halves_of_a_pair_are_cut_and_turned_alike(tmp_path: Path) -> None:
    maker = _maker(tmp_path)
    tasks = [maker.sampler.place(position) for position in range(40)]
    pairs = [position for position, place in enumerate(tasks) if place.task == "derain"][:6]
    for position in pairs:
        number = tasks[position].sample
        sample = maker.sample(position)
        found = _find(sample.target, _whole(tmp_path / "r" / "gt" / f"norain-{number}.png"))
        assert found == _find(sample.input, _whole(tmp_path / "r" / "rainy" / f"rain-{number}.png"))


def test_all_eight_orientations_and_many_places_come(tmp_path: Path) -> None:
    maker = _maker(tmp_path)
    seen = set()
    for position in range(200):
        place = maker.sampler.place(position)
        if place.task == "derain" and place.sample == 0:
            seen.add(_find(maker.sample(position).target, _whole(tmp_path / "r" / "gt" / "norain-0.png")))
    assert len(seen) >= 14
    assert len({turn for turn, _, _ in seen}) >= 6


def test_noise_is_of_the_wanted_strength_and_each_time_another(tmp_path: Path) -> None:
    maker = _maker(tmp_path, noise="float")
    stds: dict[float, list[float]] = {15.0: [], 50.0: []}
    noises = []
    for position in range(80):
        place = maker.sampler.place(position)
        if place.task == "denoise":
            sample = maker.sample(position)
            noise = sample.input - sample.target.astype(np.float32)
            stds[(15.0, 50.0)[place.sample % 2]].append(float(noise.std()))
            noises.append(noise)
    for sigma, found in stds.items():
        assert len(found) > 10
        assert np.mean(found) == pytest.approx(sigma, rel=0.03)
    assert np.corrcoef(noises[0].ravel(), noises[1].ravel())[0, 1] == pytest.approx(0, abs=0.08)


def test_truncated_noise_is_whole_levels_of_the_same_noise(tmp_path: Path) -> None:
    floats, levels = _maker(tmp_path, noise="float"), _maker(tmp_path)
    for position in range(10):
        exact, truncated = floats.sample(position), levels.sample(position)
        assert np.array_equal(exact.target, truncated.target)
        if exact.task == "denoise":
            assert truncated.input.dtype == np.uint8
            assert np.array_equal(truncated.input, np.clip(exact.input, 0, 255).astype(np.uint8))


def _turned(sample: Sample, turn: int) -> tuple[Any, Any]:
    """Input and target as they lay in the picture."""
    return _turns(sample.input)[turn], _turns(sample.target)[turn]


def _made(tmp_path: Path, **values: object) -> list[tuple[Sample, Pixels]]:
    """Samples of one task of photographs, each with its whole photograph."""
    task = opened("mine", denoise_task(tmp_path, sigmas=(), **values))
    maker = SampleMaker({"mine": task}, {"mine": 1.0}, 0, _SIDE)
    examples = [task.sample(maker.sampler.place(position).sample)[0] for position in range(16)]
    return [(maker.sample(n), _whole(tmp_path / example.key)) for n, example in enumerate(examples)]


@pytest.mark.parametrize("scale", [2, 4])
def test_a_smaller_input_is_that_part_of_the_smaller_picture(tmp_path: Path, scale: int) -> None:
    for sample, whole in _made(tmp_path, scale=scale):
        turn, y, x = _find(sample.target, whole)
        small, _ = _turned(sample, turn)
        assert (y % scale, x % scale) == (0, 0)
        rows, columns = (slice(start // scale, (start + _SIDE) // scale) for start in (y, x))
        assert np.array_equal(small, downscale(whole, scale)[rows, columns])


def test_three_times_smaller_inputs_come_from_pictures_of_any_size(tmp_path: Path) -> None:
    write_pictures(tmp_path, "odd.png", height=67, width=53)
    task = opened("sr", TaskSettings(clean=(str(tmp_path),), scale=3), side=48)
    maker = SampleMaker({"sr": task}, {"sr": 1.0}, 0, 48)
    samples = [maker.sample(position) for position in range(20)]
    assert {sample.input.shape for sample in samples} == {(16, 16, 3)}
    assert {sample.target.shape for sample in samples} == {(48, 48, 3)}


@pytest.mark.parametrize("shrink", [2, 3])
def test_crops_of_shrunk_photographs_are_those_of_the_whole_shrunk(tmp_path: Path, shrink: Literal[2, 3]) -> None:
    write_pictures(tmp_path, "large.jpg", "odd.png", height=148, width=125)
    task = opened("mine", TaskSettings(clean=(str(tmp_path),), qualities=(50,), shrink=shrink))
    maker = SampleMaker({"mine": task}, {"mine": 1.0}, 0, _SIDE)
    for position in range(8):
        example, _ = task.sample(maker.sampler.place(position).sample)
        assert _find(maker.sample(position).target, downscale(_whole(tmp_path / example.key), shrink))


def test_a_mosaic_has_the_phase_of_the_whole_picture(tmp_path: Path) -> None:
    found = set()
    for sample, whole in _made(tmp_path, mosaic=True):
        turn, y, x = _find(sample.target, whole)
        given, _ = _turned(sample, turn)
        found.add((y % 2, x % 2))
        assert np.array_equal(given, interpolate(mosaic(whole))[y : y + _SIDE, x : x + _SIDE])
    assert len(found) == 4


def test_a_jpeg_is_cut_out_of_the_whole_compressed_picture(tmp_path: Path) -> None:
    for sample, whole in _made(tmp_path, qualities=(10,)):
        turn, y, x = _find(sample.target, whole)
        given, _ = _turned(sample, turn)
        assert np.array_equal(given, jpeg_round_trip(whole, 10, "4:2:0")[y : y + _SIDE, x : x + _SIDE])


def test_synthetic_local_blur_changes_what_its_mask_says_and_little_else(tmp_path: Path) -> None:
    samples = [sample for sample, _ in _made(tmp_path, local_blur=LocalBlurSettings())]
    change = np.abs(np.stack([sample.input.astype(int) - sample.target for sample in samples])).max(axis=-1)
    masks = np.stack([sample.mask for sample in samples if sample.mask is not None])
    assert masks.shape == change.shape
    assert change[~masks].mean() < 0.1 * change[masks].mean()  # the faint rims of soft edges
    assert sum(mask.any() for mask in masks) > len(masks) / 2
    assert not all(mask.all() for mask in masks)


def test_several_qualities_come_once_each_in_an_epoch(tmp_path: Path) -> None:
    task = opened("dejpeg", denoise_task(tmp_path, sigmas=(), qualities=(10, 40)))
    assert task.samples == 12
    assert [task.sample(number)[1] for number in range(4)] == [10.0, 40.0, 10.0, 40.0]


def test_a_position_gives_the_same_sample_again_and_each_seed_another(tmp_path: Path) -> None:
    one, again, other = _maker(tmp_path), _maker(tmp_path), _maker(tmp_path, seed=1)
    samples = [one.sample(position) for position in range(12)]
    for position in reversed(range(12)):
        repeated = again.sample(position)
        assert np.array_equal(repeated.input, samples[position].input)
        assert np.array_equal(repeated.target, samples[position].target)
    assert any(not np.array_equal(other.sample(p).target, samples[p].target) for p in range(12))


def test_a_damaged_picture_is_replaced_by_another_of_its_task(tmp_path: Path) -> None:
    maker = _maker(tmp_path)
    (tmp_path / "r" / "rainy" / "rain-3.png").unlink()
    positions = [p for p in range(60) if maker.sampler.place(p).task == "derain" and maker.sampler.place(p).sample == 3]
    for position in positions:
        sample = maker.sample(position)
        assert sample.task == "derain"
        assert "rain-3.png" in sample.damages[0]
        assert np.array_equal(maker.sample(position).target, sample.target)
    whole = next(p for p in range(60) if maker.sampler.place(p).task == "denoise")
    assert maker.sample(whole).damages == ()


def test_a_task_of_damaged_pictures_is_an_error(tmp_path: Path) -> None:
    maker = _maker(tmp_path)
    for path in (tmp_path / "r" / "gt").iterdir():
        path.unlink()
    position = next(p for p in range(60) if maker.sampler.place(p).task == "derain")
    with pytest.raises(DatasetError, match=r"tasks\.derain: 16 pictures in a row are damaged; .*norain"):
        maker.sample(position)
