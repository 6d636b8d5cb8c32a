"""What pre-training is judged by: held-out patches only, the same pairs in every run, all images before one twice."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from million_ird import Dataset
from million_ird.errors import DatasetError, UsageError
from pretrain.corrupt import CorruptSettings, degrade
from pretrain.heldout import heldout_tasks, spread
from pretrain.masking import MaskSettings
from pretrain.stream.index import Patch
from pretrain.stream.settings import HoldoutSettings, StreamSettings
from pretrain.stream.stream import Stream, open_stream
from pretrain.validate import ValidationSettings

CORRUPT, MASK = CorruptSettings(), MaskSettings()


def stream_of(dataset: Dataset, cache: Path, seed: int = 0, fraction: float = 0.3) -> Stream:
    settings = StreamSettings(
        crop=((0, 16), (10, 32)), workers=0, lanes=8, cache=str(cache), holdout=HoldoutSettings(fraction=fraction)
    )
    return open_stream([dataset.url], settings, seed, partial(degrade, corrupting=CORRUPT, masking=MASK))


def test_the_tasks_are_crops_as_in_training_and_whole_patches_under_noise(built: Dataset, tmp_path: Path) -> None:
    stream = stream_of(built, tmp_path)
    corrupted, denoise = heldout_tasks(stream, ValidationSettings(crops=5, patches=5, sigma=25), CORRUPT, MASK)
    assert (corrupted.name, corrupted.count, corrupted.batch) == ("corrupted", 5, 32)
    assert (denoise.name, denoise.count, denoise.batch) == ("denoise_25", 5, 1)
    for index in range(5):
        seen, clean = corrupted.pair(index)
        assert seen.shape == clean.shape == (32, 32, 3), "the last side of the schedule"
        assert seen.dtype == clean.dtype == np.float32
        white = (seen.reshape(2, 16, 2, 16, 3) == 1).all(axis=(1, 3, 4))
        assert white.sum() in (1, 2), "1.2 of 4 cells are masked on average"
        assert seen.min() >= 0 and seen.max() <= 1
    noisy, clean = denoise.pair(0)
    assert clean.shape == (64, 64, 3)
    assert float((noisy - clean).std()) == pytest.approx(25 / 255, rel=0.04)
    assert np.abs(noisy * 255 - np.rint(noisy * 255)).max() > 0.4, "not rounded"
    assert any(noisy.min() < 0 or noisy.max() > 1 for noisy, _ in map(denoise.pair, range(denoise.count))), (
        "not clipped"
    )


def test_only_held_out_images_are_shown_and_all_of_them_before_one_twice(built: Dataset, tmp_path: Path) -> None:
    stream = stream_of(built, tmp_path)
    trained = {patch.image_key for patch in map(stream.selection.patch, range(len(stream)))}
    images = {patch.image_key for patch in stream.held_out}
    assert len(images) > 1
    assert not images & trained
    chosen = spread(stream.held_out, len(images))
    assert {patch.image_key for patch in chosen} == images
    assert [patch.number for patch in chosen] == sorted(patch.number for patch in chosen), "few shards at a time"
    assert len(spread(stream.held_out, 10**6)) == len(stream.held_out)


def test_pairs_are_functions_of_the_patch_alone(built: Dataset, tmp_path: Path) -> None:
    """Not of the run's seed: where two seeds hold out the same image, they show the same crop of it."""

    def shown(seed: int) -> dict[str, tuple[bytes, bytes]]:
        stream = stream_of(built, tmp_path, seed, fraction=0.5)
        settings = ValidationSettings(crops=1000, patches=0)
        (task,) = heldout_tasks(stream, settings, CORRUPT, MASK)
        keys = [patch.key for patch in spread(stream.held_out, 1000)]
        assert task.pair(0)[0].tobytes() == task.pair(0)[0].tobytes()
        return {key: (task.pair(i)[0].tobytes(), task.pair(i)[1].tobytes()) for i, key in enumerate(keys)}

    pairs = list(itertools.combinations([shown(seed) for seed in range(5)], 2))
    assert any(one.keys() != other.keys() for one, other in pairs)
    shared = [(one[key], other[key]) for one, other in pairs for key in one.keys() & other.keys()]
    assert shared, "of three halves two must overlap"
    assert all(one == other for one, other in shared)


def test_without_held_out_images_there_is_nothing_to_judge_by(built: Dataset, tmp_path: Path) -> None:
    stream = stream_of(built, tmp_path, fraction=0)
    with pytest.raises(UsageError, match=r"no image is held out; set stream\.holdout\.fraction above 0"):
        heldout_tasks(stream, ValidationSettings(), CORRUPT, MASK)


def test_a_damaged_held_out_patch_is_named(dataset: Dataset, tmp_path: Path) -> None:
    stream = stream_of(dataset, tmp_path)
    (task,) = heldout_tasks(stream, ValidationSettings(crops=1, patches=0), CORRUPT, MASK)
    patch = spread(stream.held_out, 1)[0]
    _spoil(dataset, stream, patch)
    with pytest.raises(DatasetError, match=patch.key):
        task.pair(0)


def _spoil(dataset: Dataset, stream: Stream, patch: Patch) -> None:
    tar = Path(dataset.url) / stream.index.shards[patch.shard][1].name
    with tar.open("r+b") as file:
        file.seek(patch.offset + patch.size // 2)
        file.write(bytes(64))
