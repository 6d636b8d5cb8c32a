"""What the folders and datasets of a task hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from million_ird import Dataset
from million_ird.errors import DatasetError, UsageError
from million_ird.patches import Box
from pretrain.finetune.tasks import TaskSettings
from tests.pretrain.finetune.worlds import clean_folder, denoise_task, derain_task, opened, rain_folders, reasons
from tests.pretrain.picture_files import picture, write_picture, write_pictures


def test_a_task_of_noise_has_each_photograph_with_each_sigma(tmp_path: Path) -> None:
    task = opened("denoise", denoise_task(tmp_path))
    assert [example.key for example in task.training] == ["c0.jpg", *(f"c{n}.png" for n in range(1, 6))]
    assert task.samples == 12
    assert all(example.degraded is None for example in task.training)


def test_a_task_of_pairs_has_each_pair_once(tmp_path: Path) -> None:
    task = opened("derain", derain_task(tmp_path))
    pairs = [(each.degraded.key, each.clean.key) for each in task.training if each.degraded]
    assert pairs == [(f"rain-{n}.png", f"norain-{n}.png") for n in range(6)]
    assert task.samples == 6


def test_folders_below_folders_belong_to_it(tmp_path: Path) -> None:
    write_pictures(tmp_path / "haze" / "part1", "0001_0.8_0.1.jpg", "0002_0.8_0.1.jpg")
    write_pictures(tmp_path / "haze" / "part2", "0001_1_0.2.jpg")
    write_pictures(tmp_path / "clear", "0001.jpg", "0002.jpg")
    task = opened("dehaze", TaskSettings(clean=(str(tmp_path / "clear"),), degraded=(str(tmp_path / "haze"),)))
    assert [each.key for each in task.training] == [
        "part1/0001_0.8_0.1.jpg",
        "part1/0002_0.8_0.1.jpg",
        "part2/0001_1_0.2.jpg",
    ]


def test_a_held_out_scene_is_trained_on_in_no_degradation(tmp_path: Path) -> None:
    scenes = [f"{n:04d}" for n in range(8)]
    write_pictures(tmp_path / "clear", *(f"{scene}.jpg" for scene in scenes))
    write_pictures(tmp_path / "haze", *(f"{scene}_{n}.jpg" for scene in scenes for n in (1, 2, 3)))
    settings = TaskSettings(clean=(str(tmp_path / "clear"),), degraded=(str(tmp_path / "haze"),))
    task = opened("dehaze", settings, hold_out=2)
    held = {each.clean.key for each in task.held_out}
    assert len(task.held_out) == len(held) == 2
    assert len(task.training) == 6 * 3
    assert held.isdisjoint(each.clean.key for each in task.training)


def test_at_most_half_is_held_out(tmp_path: Path) -> None:
    task = opened("derain", derain_task(tmp_path), hold_out=99)
    assert (len(task.training), len(task.held_out)) == (3, 3)


def test_files_that_cannot_be_used_are_left_out_with_a_reason(tmp_path: Path) -> None:
    rainy, clean = rain_folders(tmp_path)
    (clean / "norain-1.png").unlink()
    (rainy / "rain-2.png").write_text("no picture")
    write_picture(rainy / "rain-3.png", picture("x", 24, 24))
    write_picture(clean / "norain-3.png", picture("x", 24, 24))
    task = opened("derain", TaskSettings(clean=(str(clean),), degraded=(str(rainy),)))
    assert len(task.training) == 3
    assert reasons(task.left_out) == {
        "rain-1.png": "no clean picture of that name",
        "rain-2.png": "not_an_image: text",
        "norain-2.png": "no degraded picture of that name",
        "rain-3.png": "smaller than the crop of 32 pixels",
    }


def test_a_damaged_picture_is_not_held_out(tmp_path: Path) -> None:
    names = [f"{n}.jpg" for n in range(4)]
    write_pictures(tmp_path, *names, height=64, width=64)
    settings = TaskSettings(clean=(str(tmp_path),), sigmas=(25.0,))
    held = opened("denoise", settings, hold_out=2).held_out
    path = tmp_path / held[0].key
    path.write_bytes(path.read_bytes()[:-300])
    task = opened("denoise", settings, hold_out=2)
    assert [each.key for each in task.held_out] == [held[1].key]
    assert len(task.training) == 2
    assert reasons(task.left_out)[held[0].key].startswith("damaged: ")


def test_a_task_without_anything_to_train_on_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"tasks\.denoise: there are no pictures in .*empty"):
        opened("denoise", TaskSettings(clean=(str(tmp_path / "empty"),), sigmas=(25.0,)))
    clean_folder(tmp_path / "clean")
    with pytest.raises(DatasetError, match=r"none of 6 files .* smaller than the crop of 128"):
        opened("denoise", TaskSettings(clean=(str(tmp_path / "clean"),), sigmas=(25.0,)), side=128)
    with pytest.raises(UsageError, match="no folder that can be read"):
        opened("denoise", TaskSettings(clean=(str(tmp_path / "absent"),), sigmas=(25.0,)))


def test_the_fingerprint_is_of_the_pictures_and_not_of_their_place(tmp_path: Path) -> None:
    first, second = (opened("d", denoise_task(tmp_path / name)).fingerprint for name in ("a", "b"))
    assert first == second
    assert opened("d", denoise_task(tmp_path / "a", noise="float")).fingerprint != first
    assert opened("d", denoise_task(tmp_path / "a", sigmas=(15.0,))).fingerprint != first
    write_pictures(tmp_path / "a", "more.png")
    assert opened("d", TaskSettings(clean=(str(tmp_path / "a"),), sigmas=(15.0, 50.0))).fingerprint != first


def test_patches_of_a_dataset_are_photographs_too(built: Dataset, tmp_path: Path) -> None:
    settings = TaskSettings(dataset=(built.url,), clean=(str(clean_folder(tmp_path / "clean")),), sigmas=(25.0,))
    task = opened("denoise", settings, hold_out=1)
    kept = {row["key"] for batch in built.patch_rows() for row in batch.to_pylist() if row["kept"]}
    patches = [each.key for each in task.training if each.key in kept]
    assert len(patches) + 5 == len(task.training)
    held_images = {each.key.split("-")[0] for each in task.held_out if each.key in kept}
    assert len(held_images) == 1
    assert held_images.isdisjoint(key.split("-")[0] for key in patches)
    assert {*patches} | {key for key in kept if key.split("-")[0] in held_images} == kept
    example = task.training[len(task.training) - 1]
    assert example.clean.read(Box(0, 0, 32, 16)).shape == (16, 32, 3)
    assert sum(task.licences.values()) == len(kept)


def test_photographs_and_patches_can_be_made_smaller_first(built: Dataset, tmp_path: Path) -> None:
    write_pictures(tmp_path, "large.png", height=141, width=130)
    write_pictures(tmp_path, "small.png", height=127, width=300)
    sizes = {}
    for shrink in (1, 2):
        settings = TaskSettings(dataset=(built.url,), clean=(str(tmp_path),), sigmas=(25.0,), shrink=shrink)
        task = opened("denoise", settings, side=64 // shrink, hold_out=1)
        sizes[shrink] = {each.key: (each.clean.width, each.clean.height) for each in [*task.training, *task.held_out]}
    assert sizes[2] == {key: (width // 2, height // 2) for key, (width, height) in sizes[1].items()}
    assert opened("d", replace(settings, dataset=()), side=64).left_out[0].path.name == "small.png"


def test_how_much_smaller_belongs_to_the_fingerprint(tmp_path: Path) -> None:
    write_pictures(tmp_path, "large.png", height=128, width=128)
    tasks = [TaskSettings(clean=(str(tmp_path),), sigmas=(25.0,), shrink=shrink) for shrink in (1, 2, 4)]
    assert len({opened("d", task).fingerprint for task in tasks}) == 3


def test_a_place_that_is_no_dataset_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        opened("denoise", TaskSettings(dataset=(str(tmp_path / "absent"),), sigmas=(25.0,)))


def test_patches_serve_crops_that_are_no_multiple_of_16(built: Dataset) -> None:
    task = opened("sr", TaskSettings(dataset=(built.url,), scale=3), side=51)
    assert len(task.training) > 0
    assert min(min(each.clean.width, each.clean.height) for each in task.training) >= 51
