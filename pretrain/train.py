"""Pre-training: the stream of corrupted crops, the network, and how it is judged, put into the training loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from million_ird.errors import UsageError
from million_ird.store import explained
from pretrain.corrupt import degrade
from pretrain.first_weights import first_network
from pretrain.heldout import heldout_tasks
from pretrain.launch import Device, launch_run
from pretrain.loop import run_training
from pretrain.objective import objective_of
from pretrain.ranks import Ranks
from pretrain.recipe import PretrainRecipe
from pretrain.run_folder import has_begun
from pretrain.say import say_nothing, to_stderr
from pretrain.signals import StopRequest
from pretrain.stream.batch import Batch
from pretrain.stream.holdout import FILE as HOLDOUT
from pretrain.stream.holdout import Holdout, read_holdout, write_holdout
from pretrain.stream.stream import Stream, open_stream
from pretrain.training import Training
from pretrain.validate import Validator


def train(recipe: PretrainRecipe, out: Path, resume: bool, ranks: Ranks, stop: StopRequest) -> int:
    """Pre-trains by `recipe` in the run folder `out`; one call for each rank. See `pretrain.loop.run_training`.

    `functools.partial(train, recipe, out, resume)` is a `pretrain.launch.Job`.
    """
    return run_training(recipe, lambda: assemble(recipe, out, ranks), out, resume, ranks, stop)


def launch(recipe: PretrainRecipe, out: Path, resume: bool, device: Device, ray_workers: int) -> int:
    """The same in this process or on a Ray cluster, see `pretrain.launch.launch_run`.

    Raises:
        UsageError: no dataset is named; what `pretrain.launch.launch_run` and `train` refuse.
    """
    if not recipe.dataset:
        raise UsageError("dataset: name one, as in --dataset my-ird")
    return launch_run(partial(train, recipe), recipe, out, resume, device, ray_workers, recipe.stream.workers)


def assemble(recipe: PretrainRecipe, out: Path, ranks: Ranks) -> Training:
    """Opens the data and makes the network of a pre-training run.

    Raises:
        UsageError: no dataset is named, or a number does not fit the ranks.
        DatasetError: a dataset cannot be read, or has too little to train on.
    """
    known = ranks.from_first(lambda: read_holdout(out / HOLDOUT) if has_begun(out) else None)
    stream = ranks.first_then_all(lambda: _open(recipe, known, ranks))
    judge = None
    if recipe.validation.every:
        tasks = heldout_tasks(stream, recipe.validation, recipe.corrupt, recipe.mask)
        judge = Validator(tasks, recipe.trained_variants(), ranks, recipe.validation.pictures)
    ranks.from_first(lambda: _record(out / HOLDOUT, stream.holdout))
    return Training(
        recipe=recipe,
        model=first_network(recipe),
        objective=objective_of(recipe.loss, recipe.model),
        source=stream,
        judge=judge,
        validate_every=recipe.validation.every,
        metadata={"licences": json.dumps(dict(stream.licences))},
        describe=fractions,
    )


def fractions(batch: Batch) -> Mapping[str, float]:
    """Shares of the cells of a batch that were degraded, masked and left alone."""
    touched = batch.degraded | batch.masked
    return {
        "degraded": float(batch.degraded.double().mean()),
        "masked": float(batch.masked.double().mean()),
        "clean": float((~touched).double().mean()),
    }


def _open(recipe: PretrainRecipe, holdout: Holdout | None, ranks: Ranks) -> Stream:
    """The stream, with the images held out that an earlier start of the run chose."""
    make = partial(degrade, corrupting=recipe.corrupt, masking=recipe.mask)
    say = to_stderr if ranks.is_first else say_nothing
    return open_stream(recipe.dataset, recipe.stream, recipe.seed, make, holdout, say)


def _record(file: Path, holdout: Holdout) -> None:
    with explained("write", str(file)):
        write_holdout(file, holdout)
