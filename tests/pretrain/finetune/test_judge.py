"""What a fine-tuning is judged by: held-out pictures, always the same, at every σ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from million_ird.errors import DatasetError
from pretrain.finetune.judge import judged_tasks
from tests.pretrain.finetune.worlds import HEIGHT, WIDTH, denoise_task, derain_task, opened


def test_there_is_a_task_for_every_sigma_and_one_for_pairs(tmp_path: Path) -> None:
    tasks = {
        "denoise": opened("denoise", denoise_task(tmp_path / "d"), hold_out=2),
        "derain": opened("derain", derain_task(tmp_path / "r"), hold_out=3),
    }
    judged = {task.name: task for task in judged_tasks(tasks, 48)}
    assert {name: task.count for name, task in judged.items()} == {"denoise_15": 2, "denoise_50": 2, "derain": 3}
    for task in judged.values():
        given, clean = task.pair(0)
        again, _ = task.pair(0)
        assert given.shape == clean.shape == (48, 48, 3)
        assert given.dtype == clean.dtype == np.float32
        assert np.array_equal(given, again)
        assert not np.array_equal(given, clean)
    noise = {name: np.std(np.subtract(*judged[f"denoise_{name}"].pair(1))) * 255 for name in (15, 50)}
    assert noise == pytest.approx({15: 15, 50: 50}, rel=0.25)  # clipped to levels, as in training


def test_all_squares_of_a_task_are_of_one_size_even_where_pictures_are_small(tmp_path: Path) -> None:
    (judged,) = judged_tasks({"derain": opened("derain", derain_task(tmp_path), hold_out=2)}, 4096)
    assert {judged.pair(index)[0].shape for index in range(2)} == {(HEIGHT, HEIGHT, 3)}
    (whole,) = judged_tasks({"derain": opened("derain", derain_task(tmp_path), hold_out=2)}, 0)
    assert whole.pair(0)[0].shape == (HEIGHT, WIDTH, 3)


def test_without_pictures_held_out_nothing_is_judged(tmp_path: Path) -> None:
    assert judged_tasks({"derain": opened("derain", derain_task(tmp_path))}, 48) == []


def test_a_damaged_held_out_picture_is_named(tmp_path: Path) -> None:
    task = opened("derain", derain_task(tmp_path), hold_out=1)
    for path in (tmp_path / "gt").iterdir():
        path.unlink()
    (judged,) = judged_tasks({"derain": task}, 48)
    with pytest.raises(DatasetError, match=r"tasks\.derain: a picture held out for validation is damaged: .*norain"):
        judged.pair(0)
