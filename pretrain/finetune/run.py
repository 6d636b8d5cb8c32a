"""Fine-tuning: the tasks' pictures, the network, and how it is judged, put into the training loop."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from pretrain.evaluate.table import left_out_lines
from pretrain.finetune.folders import TaskData, open_task
from pretrain.finetune.judge import judged_tasks
from pretrain.finetune.pictures import DecodedPictures
from pretrain.finetune.recipe import FinetuneRecipe
from pretrain.finetune.source import FinetuneSource, share_of_tasks
from pretrain.first_weights import first_network
from pretrain.launch import Device, launch_run
from pretrain.loop import run_training
from pretrain.ranks import Ranks
from pretrain.say import say_nothing, to_stderr
from pretrain.signals import StopRequest
from pretrain.training import Training
from pretrain.validate import Validator


def finetune(recipe: FinetuneRecipe, out: Path, resume: bool, ranks: Ranks, stop: StopRequest) -> int:
    """Fine-tunes by `recipe` in the run folder `out`; one call for each rank. See `pretrain.loop.run_training`.

    `functools.partial(finetune, recipe, out, resume)` is a `pretrain.launch.Job`.
    """
    return run_training(recipe, lambda: assemble(recipe, ranks), out, resume, ranks, stop)


def launch(recipe: FinetuneRecipe, out: Path, resume: bool, device: Device, ray_workers: int) -> int:
    """The same in this process or on a Ray cluster, see `pretrain.launch.launch_run`."""
    return launch_run(partial(finetune, recipe), recipe, out, resume, device, ray_workers, recipe.reading.threads)


def assemble(recipe: FinetuneRecipe, ranks: Ranks) -> Training:
    """Looks at the pictures and makes the network of a fine-tuning run.

    Raises:
        UsageError: a folder cannot be read.
        DatasetError: a task has nothing to train on.
    """
    say = to_stderr if ranks.is_first else say_nothing
    weights = recipe.weights()
    tasks = ranks.first_then_all(lambda: open_tasks(recipe, say))
    judge, settings = None, recipe.validation
    if judged := judged_tasks(tasks, settings.side):
        judge = Validator(judged, recipe.trained_variants(), ranks, settings.pictures if settings.side else 0)
    licences: Counter[str] = Counter()
    for task in tasks.values():
        licences.update(task.licences)
    return Training(
        recipe=recipe,
        model=first_network(recipe),
        source=FinetuneSource(tasks, weights, recipe.seed, recipe.crop, recipe.reading, say),
        judge=judge,
        validate_every=settings.every,
        metadata={"licences": json.dumps(dict(licences))} if licences else {},
        describe=partial(share_of_tasks, names=sorted(weights)),
        loss=clamped_l1 if recipe.clamp_output else F.l1_loss,
    )


def open_tasks(recipe: FinetuneRecipe, say: Callable[[str], None]) -> dict[str, TaskData]:
    """The data of every task that takes part; says what each has, and what was left out."""
    decoded = DecodedPictures(int(recipe.reading.cache_gb * 1e9))
    tasks = {
        name: open_task(name, recipe.tasks[name], recipe.crop, recipe.validation.images, recipe.seed, decoded, say)
        for name in recipe.weights()
    }
    for line in describe(tasks):
        say(line)
    return tasks


def describe(tasks: Mapping[str, TaskData]) -> list[str]:
    """Lines for a person: what each task has, and the files that were left out."""
    lines = []
    for name, task in tasks.items():
        sigmas = f" at σ {', '.join(f'{sigma:g}' for sigma in task.settings.sigmas)}" if task.settings.sigmas else ""
        what = "photographs" if task.settings.sigmas else "pairs"
        lines.append(f"{name}: {len(task.training):,} {what}{sigmas}, {len(task.held_out):,} held out")
        lines += [f"{name}: {line}" for line in left_out_lines(task.left_out)]
    return lines


def clamped_l1(output: Tensor, target: Tensor) -> Tensor:
    """L1 of the output clamped to [0, 1], as DyNet's train.py has it: nothing is learnt from what lies outside."""
    return F.l1_loss(output.clamp(0.0, 1.0), target)
