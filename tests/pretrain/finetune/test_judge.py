"""What a fine-tuning is judged by: held-out pictures, always the same, at every σ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from million_ird.errors import DatasetError
from million_ird.local_blur import LocalBlurSettings
from million_ird.patches import Box
from pretrain.degradations import Degraded
from pretrain.degradations.resize import enlarge
from pretrain.finetune.folders import TaskData
from pretrain.finetune.judge import input_scores, judged_tasks
from pretrain.finetune.tasks import TaskSettings
from pretrain.levels import to_unit
from pretrain.validate import rgb_psnr
from tests.pretrain.finetune.worlds import HEIGHT, WIDTH, denoise_task, derain_task, opened
from tests.pretrain.local_blur.triples import masks_of, write_folder
from tests.pretrain.picture_files import write_pictures


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


def _all_kinds(tmp_path: Path) -> dict[str, TaskData]:
    settings = {
        "jpeg": denoise_task(tmp_path / "j", sigmas=(), qualities=(10, 40)),
        "mosaic": denoise_task(tmp_path / "m", sigmas=(), mosaic=True),
        "blur": denoise_task(tmp_path / "b", sigmas=(), local_blur=LocalBlurSettings()),
        "triples": TaskSettings(triples=(str(write_folder(tmp_path / "t")),)),
    }
    return {name: opened(name, task, hold_out=2) for name, task in settings.items()}


def test_every_kind_of_task_is_judged_by_the_same_pictures_each_time(tmp_path: Path) -> None:
    judged, again = (judged_tasks(_all_kinds(tmp_path), 48) for _ in range(2))
    assert [task.name for task in judged] == ["jpeg_10", "jpeg_40", "mosaic", "blur", "triples"]
    for one, other in zip(judged, again, strict=True):
        for index in range(one.count):
            (seen, clean), repeated = one.pair(index), other.pair(index)
            assert seen.shape == clean.shape == (48, 48, 3)
            assert np.array_equal(seen, repeated[0])
            assert np.array_equal(clean, repeated[1])
            assert not np.array_equal(seen, clean)
            assert one.score(index, clean, clean) == np.inf


def test_local_blur_is_judged_where_something_is_blurred_and_there_alone(tmp_path: Path) -> None:
    tasks = {task.name: task for task in judged_tasks(_all_kinds(tmp_path), 48)}
    for index in range(2):
        seen, clean = tasks["blur"].pair(index)
        assert tasks["blur"].score(index, seen, clean) < rgb_psnr(index, seen, clean)
        seen, clean = tasks["triples"].pair(index)
        spoilt = np.where(masks_at(seen)[..., None], clean, 0)
        assert masks_at(seen).any()
        assert tasks["triples"].score(index, spoilt, clean) == np.inf
        assert tasks["triples"].score(index, seen, clean) < 100


def masks_at(seen: np.ndarray) -> np.ndarray:
    """The mask of a crop of a triple, whose pixels say where it lies."""
    columns, rows, number = np.moveaxis(np.rint(seen * 255).astype(int), -1, 0)
    return np.asarray(masks_of(int(number[0, 0]))[rows, columns])


def test_super_resolution_is_judged_in_luma_inside_a_border(tmp_path: Path) -> None:
    write_pictures(tmp_path, *(f"{n}.png" for n in range(4)), height=67, width=83)
    data = opened("sr", TaskSettings(clean=(str(tmp_path),), scale=3), hold_out=2)
    for side, shape in ((48, (48, 48, 3)), (50, (48, 48, 3)), (0, (66, 81, 3))):
        (task,) = judged_tasks({"sr": data}, side)
        seen, clean = task.pair(1)
        assert clean.shape == shape
        assert seen.shape == (shape[0] // 3, shape[1] // 3, 3)
    spoilt = clean.copy()
    spoilt[:3], spoilt[-3:], spoilt[:, :3], spoilt[:, -3:] = 0, 1, 0, 1
    assert task.score(1, spoilt, clean) == np.inf
    grey = clean + np.float32(0.1)  # luma of studio swing moves by 219/255 of it
    assert task.score(1, grey, clean) == pytest.approx(-20 * np.log10(0.1 * 219 / 255), abs=1e-4)


def test_what_the_inputs_score_is_known_before(tmp_path: Path) -> None:
    (sharp,) = judged_tasks({"sr": opened("sr", denoise_task(tmp_path, sigmas=(), scale=2), hold_out=2)}, 48)
    pairs = [sharp.pair(index) for index in range(2)]
    enlarged = [to_unit(enlarge(np.rint(seen * 255).astype(np.uint8), 2)) for seen, _ in pairs]
    scores = [sharp.score(index, enlarged[index], pairs[index][1]) for index in range(2)]
    assert input_scores([sharp]) == {"sr": pytest.approx(np.mean(scores))}
    (noisy,) = judged_tasks({"d": opened("d", denoise_task(tmp_path, sigmas=(25.0,)), hold_out=2)}, 48)
    assert input_scores([noisy])["d_25"] == pytest.approx(20 * np.log10(255 / 25), abs=1)


def test_a_damaged_picture_does_not_count_in_it(tmp_path: Path) -> None:
    task = opened("derain", derain_task(tmp_path), hold_out=2)
    (judged,) = judged_tasks({"derain": task}, 48)
    (tmp_path / "gt" / task.held_out[0].clean.key).unlink()
    alone = judged.score(1, *judged.pair(1))
    assert input_scores([judged]) == {"derain": pytest.approx(alone)}
    (tmp_path / "gt" / task.held_out[1].clean.key).unlink()
    assert input_scores([judged]) == {}


def test_a_square_that_shows_no_blur_in_any_drawing_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = opened("blur", denoise_task(tmp_path, sigmas=(), local_blur=LocalBlurSettings()), hold_out=1)
    attempts = []

    def still(_example: object, _mask: object, _degradation: object, box: Box, _rng: object) -> Degraded:
        attempts.append(box)
        sharp = np.zeros((box.height, box.width, 3), np.uint8)
        return Degraded(sharp, sharp, np.zeros(sharp.shape[:2], np.bool_))

    monkeypatch.setattr("pretrain.finetune.judge.degraded_crop", still)
    (judged,) = judged_tasks({"blur": task}, 48)
    with pytest.raises(DatasetError, match=r"nothing is blurred in the square of c\d\.\w+ that is judged"):
        judged.pair(0)
    assert len(attempts) == 16
    assert input_scores([judged]) == {}
