"""Batches by threads: the same whatever their number, divided among ranks, entered anywhere."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from million_ird.errors import DatasetError, UsageError
from million_ird.local_blur import LocalBlurSettings
from pretrain.finetune.recipe import ReadingSettings
from pretrain.finetune.source import FinetuneBatch, FinetuneSource, share_of_tasks
from pretrain.finetune.tasks import TaskSettings
from tests.pretrain.finetune.worlds import denoise_task, derain_task, opened
from tests.pretrain.local_blur.triples import write_folder

_WEIGHTS = {"denoise": 1.0, "derain": 1.0}


def _source(
    tmp_path: Path, threads: int = 2, said: list[str] | None = None, seed: int = 0, grace: int = 1000, **values: object
) -> FinetuneSource:
    tasks = {
        "denoise": opened("denoise", denoise_task(tmp_path / "d", **values)),
        "derain": opened("derain", derain_task(tmp_path / "r")),
    }
    reading = ReadingSettings(threads=threads, prefetch=2, damage_grace=grace)
    say = (said if said is not None else []).append
    return FinetuneSource(tasks, _WEIGHTS, seed, 32, reading, say)


def _batches(source: FinetuneSource, count: int, **options: int) -> list[FinetuneBatch]:
    batches = source.loader(**{"batch_size": 4, **options})  # type: ignore[arg-type]
    try:
        return [next(batches) for _ in range(count)]
    finally:
        batches.close()


def _equal(a: FinetuneBatch, b: FinetuneBatch) -> bool:
    return (
        a.step == b.step
        and a.tasks == b.tasks
        and torch.equal(a.inputs, b.inputs)
        and torch.equal(a.targets, b.targets)
    )


def test_a_batch_is_uint8_channels_first(tmp_path: Path) -> None:
    (batch,) = _batches(_source(tmp_path), 1)
    assert (batch.inputs.dtype, batch.inputs.shape) == (torch.uint8, (4, 3, 32, 32))
    assert (batch.targets.dtype, batch.targets.shape) == (torch.uint8, (4, 3, 32, 32))
    assert share_of_tasks(batch, ["denoise", "derain"]) == {"share/denoise": 0.5, "share/derain": 0.5}


def test_unrounded_noise_makes_all_inputs_floats_in_levels(tmp_path: Path) -> None:
    (batch,) = _batches(_source(tmp_path, noise="float"), 1)
    assert batch.inputs.dtype == torch.float32
    assert 50 < batch.inputs.mean() < 200
    rainy = batch.tasks.index("derain")
    assert torch.equal(batch.inputs[rainy], batch.inputs[rainy].round())


def test_masks_are_of_all_samples_where_one_task_has_some(tmp_path: Path) -> None:
    tasks = {
        "derain": opened("derain", derain_task(tmp_path / "r")),
        "real": opened("real", TaskSettings(triples=(str(write_folder(tmp_path / "t")),))),
        "made": opened("made", denoise_task(tmp_path / "d", sigmas=(), local_blur=LocalBlurSettings())),
    }
    reading = ReadingSettings(threads=2, prefetch=2)
    source = FinetuneSource(tasks, dict.fromkeys(tasks, 1.0), 0, 32, reading, print)
    (batch,) = _batches(source, 1, batch_size=12)
    assert batch.masks is not None
    assert (batch.masks.dtype, batch.masks.shape) == (torch.uint8, (12, 1, 32, 32))
    assert set(batch.masks.unique().tolist()) == {0, 1}
    everywhere = dict(zip(batch.tasks, batch.masks.amin(dim=(1, 2, 3)).tolist(), strict=True))
    assert set(batch.tasks) == set(tasks)
    assert everywhere["derain"] == 1
    made = [task == "made" for task in batch.tasks]
    sharp = batch.masks.expand_as(batch.inputs)[made] == 0
    change = (batch.inputs.float() - batch.targets).abs()[made]
    assert change[sharp].mean() < 0.1 * change[~sharp].mean()
    (plain,) = _batches(_source(tmp_path / "p"), 1)
    assert plain.masks is None


def test_inputs_are_smaller_where_the_network_is_to_enlarge(tmp_path: Path) -> None:
    task = opened("sr", denoise_task(tmp_path, sigmas=(), scale=2))
    source = FinetuneSource({"sr": task}, {"sr": 1.0}, 0, 32, ReadingSettings(threads=0), print)
    (batch,) = _batches(source, 1)
    assert batch.inputs.shape == (4, 3, 16, 16)
    assert batch.targets.shape == (4, 3, 32, 32)


def test_no_number_of_threads_changes_a_batch(tmp_path: Path) -> None:
    none, three = (_batches(_source(tmp_path / "a", threads), 5) for threads in (0, 3))
    assert all(_equal(a, b) for a, b in zip(none, three, strict=True))


def test_a_run_goes_on_anywhere(tmp_path: Path) -> None:
    whole = _batches(_source(tmp_path), 6)
    assert all(_equal(a, b) for a, b in zip(whole[4:], _batches(_source(tmp_path), 2, start_step=4), strict=True))


def test_ranks_divide_a_batch_and_together_have_all_of_it(tmp_path: Path) -> None:
    source = _source(tmp_path)
    for step, batch in enumerate(_batches(source, 2)):
        shares = [_batches(source, 1, rank=rank, ranks=2, start_step=step)[0] for rank in (0, 1)]
        merged = torch.stack([share.inputs for share in shares], dim=1).flatten(0, 1)
        assert torch.equal(merged, batch.inputs)
    with pytest.raises(UsageError, match="multiple of 3"):
        source.loader(4, 0, 3)


def test_closing_ends_the_threads(tmp_path: Path) -> None:
    before = threading.active_count()
    batches = _source(tmp_path, threads=3).loader(4)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_the_state_tells_another_sequence(tmp_path: Path) -> None:
    source = _source(tmp_path)
    source.check(source.state())
    with pytest.raises(UsageError, match="seed is 0, but 1 in the checkpoint"):
        source.check(_source(tmp_path, seed=1).state())
    with pytest.raises(DatasetError, match="pictures of the tasks are not those of the checkpoint"):
        source.check(_source(tmp_path, sigmas=(25.0,)).state())


def test_damage_is_counted_told_once_and_in_the_end_too_much(tmp_path: Path) -> None:
    said: list[str] = []
    source = _source(tmp_path, said=said, grace=32)
    for number in (1, 2):
        (tmp_path / "r" / "rainy" / f"rain-{number}.png").unlink()
    batches = source.loader(4)
    try:
        with pytest.raises(DatasetError, match=r"of 32 samples were damaged, more than reading\.max_damaged_share"):
            for _ in range(9):
                substituted = next(batches).substituted
                assert 0 <= substituted <= 2
    finally:
        batches.close()
    assert len(said) == len(set(said)) == 2
    assert all("damaged, replaced by another picture" in line for line in said)


def test_targets_are_never_degraded(tmp_path: Path) -> None:
    for batch in _batches(_source(tmp_path), 3):
        changed = (batch.inputs != batch.targets).float().mean(dim=(1, 2, 3)).numpy()
        noisy = np.array([task == "denoise" for task in batch.tasks])
        assert (changed[noisy] > 0.8).all()
        assert (changed[~noisy] < 0.3).all()
