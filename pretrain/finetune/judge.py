"""What a fine-tuned network is judged by: pictures that were held out of each task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from million_ird.errors import DatasetError
from million_ird.patches import Box
from pretrain.crop import DamagedPatchError
from pretrain.evaluate.protocols import noise_by_name, noisy_levels, to_unit
from pretrain.finetune.folders import TaskData
from pretrain.finetune.pictures import Picture
from pretrain.images import Pixels
from pretrain.restore import Picture as Levels
from pretrain.validate import Task

Pair = tuple[Levels, Levels]


def judged_tasks(tasks: Mapping[str, TaskData], largest_side: int) -> list[Task]:
    """A task of the validation for each σ of each task of noise, and one for each task of pairs.

    Args:
        tasks: those that are trained.
        largest_side: of the square around the centre in pixels; or the shortest side of a task's pictures, where that
            is less; 0: whole pictures.
    """
    found = []
    for name, task in tasks.items():
        count = len(task.held_out)
        if not count:
            continue
        side = min([largest_side, *(min(each.clean.width, each.clean.height) for each in task.held_out)])
        if not task.settings.sigmas:
            found.append(Task(name, count, partial(_pair, task, side)))
        sigmas = task.settings.sigmas
        found += [Task(f"{name}_{sigma:g}", count, partial(_noisy, task, side, sigma)) for sigma in sigmas]
    return found


def _pair(task: TaskData, side: int, index: int) -> Pair:
    example = task.held_out[index]
    assert example.degraded is not None
    return to_unit(_centre(example.degraded, side, task)), to_unit(_centre(example.clean, side, task))


def _noisy(task: TaskData, side: int, sigma: float, index: int) -> Pair:
    clean = _centre(task.held_out[index].clean, side, task)
    normal = noise_by_name()(clean.shape, sigma, task.held_out[index].key)
    return to_unit(noisy_levels(clean, normal, sigma, task.settings.noise)), to_unit(clean)


def _centre(picture: Picture, side: int, task: TaskData) -> Pixels:
    width, height = side or picture.width, side or picture.height
    try:
        return picture.read(Box((picture.width - width) // 2, (picture.height - height) // 2, width, height))
    except DamagedPatchError as error:
        raise DatasetError(f"tasks.{task.name}: a picture held out for validation is damaged: {error}") from error
