"""Fine-tuning: the tasks' pictures, the network, and how it is judged, put into the training loop."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from pretrain.finetune.dense import FOLDER as DENSE
from pretrain.finetune.dense import beginning_with_dense, dense_recipe
from pretrain.finetune.folders import TaskData, open_task
from pretrain.finetune.judge import input_scores, judged_tasks
from pretrain.finetune.pictures import DecodedPictures
from pretrain.finetune.recipe import FinetuneRecipe
from pretrain.finetune.source import FinetuneSource, share_of_tasks
from pretrain.first_weights import first_network
from pretrain.launch import Device, launch_run
from pretrain.loop import run_training
from pretrain.objective import objective_of
from pretrain.pairs import left_out_lines
from pretrain.ranks import Ranks
from pretrain.run_folder import has_begun
from pretrain.say import say_nothing, to_stderr
from pretrain.signals import StopRequest
from pretrain.training import Training
from pretrain.validate import Task, Validator


def finetune(recipe: FinetuneRecipe, out: Path, resume: bool, ranks: Ranks, stop: StopRequest) -> int:
    """Fine-tunes by `recipe` in the run folder `out`; one call for each rank. See `pretrain.loop.run_training`.

    `functools.partial(finetune, recipe, out, resume)` is a `pretrain.launch.Job`.
    """
    dense = dense_recipe(recipe)
    if dense is not None and not ranks.from_first(lambda: has_begun(out)):
        ranks.from_first(lambda: to_stderr(f"first the dense network, in {out / DENSE}; then its ghosts, in {out}"))
        unfinished = run_training(dense, lambda: assemble(dense, ranks), out / DENSE, resume, ranks, stop)
        if unfinished:
            return unfinished
    last = beginning_with_dense(recipe, out)
    return run_training(last, lambda: assemble(last, ranks), out, resume, ranks, stop)


def launch(recipe: FinetuneRecipe, out: Path, resume: bool, device: Device, ray_workers: int) -> int:
    """The same in this process or on a Ray cluster, see `pretrain.launch.launch_run`."""
    last = beginning_with_dense(recipe, out)
    return launch_run(partial(finetune, recipe), last, out, resume, device, ray_workers, recipe.reading.threads)


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
        if ranks.is_first:
            say_inputs(judged, recipe.scale, say)
        judge = Validator(judged, recipe.trained_variants(), ranks, settings.pictures if settings.side else 0)
    licences: Counter[str] = Counter()
    for task in tasks.values():
        licences.update(task.licences)
    return Training(
        recipe=recipe,
        model=first_network(recipe),
        objective=objective_of(recipe.loss, recipe.model),
        source=FinetuneSource(tasks, weights, recipe.seed, recipe.crop, recipe.reading, say),
        judge=judge,
        validate_every=settings.every,
        metadata={"licences": json.dumps(dict(licences))} if licences else {},
        describe=partial(share_of_tasks, names=sorted(weights)),
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
        examples = f"{len(task.training):,} {task.settings.kind.in_words(task.settings)}"
        lines.append(f"{name}: {examples}, {len(task.held_out):,} held out")
        lines += [f"{name}: {line}" for line in left_out_lines(task.left_out)]
    return lines


def say_inputs(judged: Sequence[Task], scale: int, say: Callable[[str], None]) -> None:
    """Says what a network has to beat: the score of the inputs themselves, enlarged where that is what it does."""
    what = "the input itself" if scale == 1 else f"the input, enlarged by {scale} by bicubic interpolation,"
    for name, score in input_scores(judged).items():
        say(f"{name}: {what} scores {score:.2f} dB on what is held out")
