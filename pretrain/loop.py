"""The training loop: batches in, weights changed, judged, logged and saved, until all steps are done or somebody asks
to stop. Pre-training and fine-tuning give it other batches, tasks and recipes; the loop is the same.

Everything that decides the next step is a function of the step's number or stands in the checkpoint, so a run that was
killed and resumed goes on as if nothing had happened (on the CPU: to the last bit).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from million_ird.errors import MillionIrdError, UsageError
from pretrain.checkpoint import Checkpoint, Checkpoints
from pretrain.compile import compile_model, eager
from pretrain.draw import draw_variants
from pretrain.ema import Ema
from pretrain.final_model import write_final_model
from pretrain.first_weights import read_init
from pretrain.guard import Guard
from pretrain.logs import RunLog, StepRecord
from pretrain.models.families import before_step, noise_of, spares_parameters
from pretrain.models.loading import load_weights
from pretrain.models.pretrained import weights_metadata
from pretrain.objective import Objective
from pretrain.optimizer import make_optimizer, set_learning_rate
from pretrain.ranks import Ranks
from pretrain.recipe import TrainingRecipe
from pretrain.run_folder import open_run
from pretrain.say import to_stderr
from pretrain.schedule import learning_rate
from pretrain.signals import StopRequest
from pretrain.step import Precision, StepResult, StepSettings, training_step
from pretrain.tally import Tally
from pretrain.training import Batch, Batches, Judge, Training
from pretrain.validate import mean_score

RECIPE, STREAM = "recipe", "stream_fingerprint"
"""Metadata keys of a checkpoint: the resolved recipe, and the fingerprint of the data it was trained on."""


def run_training(
    recipe: TrainingRecipe,
    assemble: Callable[[], Training],
    out: Path,
    resume: bool,
    ranks: Ranks,
    stop: StopRequest,
) -> int:
    """Trains until all steps are done; returns 0, or 75 (130 after Ctrl-C) where it was asked to stop and has saved.

    Args:
        recipe: of this run.
        assemble: opens the data and makes the network, on every rank, once the run folder is this run's.
        out: the run folder, which only the first rank needs to see.
        resume: go on from the newest checkpoint in `out`, or begin there if it has none.
        ranks: this process and the others.
        stop: asked after each step.

    Raises:
        UsageError: `out` holds a run and `resume` is false, or one of another recipe; the batch cannot be shared out.
        DatasetError: no checkpoint can be read, or they are of another model or data.
        StoreError: the folder cannot be written.
        MillionIrdError: too many steps in a row had to be skipped.
    """
    ranks.from_first(lambda: check_shares(recipe, ranks.count))
    with open_run(out, recipe, ranks, resume):
        return Loop(assemble(), out, ranks).run(stop)


def check_shares(recipe: TrainingRecipe, ranks: int) -> None:
    """Whether so many ranks can share the batch of a recipe evenly.

    Raises:
        UsageError: they cannot.
    """
    if recipe.batch % (ranks * recipe.accumulate):
        raise UsageError(
            f"batch: {recipe.batch} samples cannot be shared by {ranks} ranks with {recipe.accumulate} "
            "micro-batches each: take a multiple"
        )


class Loop:
    """The state of a run, and what one step does to it."""

    def __init__(self, training: Training, out: Path, ranks: Ranks) -> None:
        recipe = training.recipe
        self._training, self._recipe, self._ranks, self._out = training, recipe, ranks, out
        self._variants = recipe.trained_variants()
        self._checkpoints = Checkpoints(out, recipe.checkpoint, self._say)
        more = {RECIPE: recipe.to_toml(), STREAM: training.source.fingerprint}
        self._metadata = weights_metadata(training.model, self._variants, {**training.metadata, **more})
        self._how = step_settings(recipe, ranks.device, training.objective)
        checkpoint = ranks.from_first(self._checkpoints.newest)
        self._load_weights(checkpoint)
        torch.manual_seed(recipe.seed)  # whatever may draw from the global generator draws the same in every run
        self._model = training.model.to(ranks.device).train()
        self._optimizer = make_optimizer(self._model, recipe.optimizer)
        self._ema = Ema(self._model, recipe.ema) if recipe.ema.enabled else None
        self._guard = Guard(recipe.guard)
        self._tally = Tally.fresh(self._variants)
        self._step = 0
        self._best: float | None = None
        log_window = self._restore(checkpoint) if checkpoint else None
        self._log = (
            RunLog(out, recipe.log, recipe.steps, self._step, log_window, ranks.device) if ranks.is_first else None
        )
        compile_model(self._model, recipe.compile, ranks.device)
        self._shared = ranks.share_gradients(self._model, spares_parameters(recipe.model, self._variants))

    def run(self, stop: StopRequest) -> int:
        """Steps until the end or a request to stop; the exit code."""
        recipe, ranks = self._recipe, self._ranks
        batches = ranks.first_then_all(self._loader)
        try:
            while self._step < recipe.steps:
                self._train(batches)
                better = self._is_due(self._training.validate_every) and self._validate()
                stopping = stop.agreed(self._ranks)
                if better or stopping or self._is_due(recipe.checkpoint.every):
                    self._save(better)
                if stopping and self._step < recipe.steps:
                    self._say(f"stopped after step {self._step:,}, which is saved; go on with --resume")
                    return stop.exit_code
            ranks.from_first(lambda: write_final_model(self._out, self._checkpoints, recipe.name))
            return 0
        finally:
            with contextlib.ExitStack() as closing:  # each is closed even where another one fails
                if self._log:
                    closing.callback(self._log.close)
                closing.callback(batches.close)

    def _loader(self) -> Batches:
        """The batches from the next step on."""
        ranks = self._ranks
        return self._training.source.loader(
            self._recipe.batch,
            ranks.rank,
            ranks.count,
            self._step,
            pin_memory=ranks.device.type == "cuda",
            substituted=self._tally.substituted // ranks.count,
        )

    def _train(self, batches: Batches) -> None:
        """One step, from fetching its batch to its line in the log."""
        recipe, step = self._recipe, self._step
        began = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - began
        variants = draw_variants(recipe.seed, step, recipe.draw, self._variants)
        rate = learning_rate(step, recipe.steps, recipe.optimizer.lr, recipe.schedule)
        set_learning_rate(self._optimizer, rate)
        before_step(self._model, step)
        result = training_step(
            self._shared, batch, variants, self._optimizer, self._guard, self._how, self._ranks.gather
        )
        if self._ema and not result.verdict:
            self._ema.update(step)
        self._step += 1
        seconds = time.perf_counter() - began
        self._tally.add(variants, seconds - waited, bool(result.verdict))
        self._note(batch, result, rate, seconds, waited)
        if self._guard.exhausted:
            self._ranks.from_first(lambda: self._give_up(result))

    def _note(self, batch: Batch, result: StepResult, rate: float, seconds: float, waited: float) -> None:
        """Takes the step down in the log: means over the ranks, sums of what is counted."""
        described = self._training.describe(batch)
        everyone = self._ranks.gather([batch.substituted, waited, *described.values()])
        self._tally.substituted += round(sum(row[0] for row in everyone))
        if not self._log:
            return
        means = [sum(column) / len(everyone) for column in zip(*everyone, strict=True)]
        if result.verdict:
            self._log.write("skipped", self._step, {"reason": result.verdict, "losses": result.losses})
        self._log.step(
            StepRecord(
                step=self._step,
                losses=result.losses,
                learning_rate=rate,
                samples=self._recipe.batch,
                seconds=seconds,
                data_wait_s=means[1],
                updates=self._tally.updates,
                variant_seconds=self._tally.seconds,
                values={
                    "psnr": result.psnr,
                    "gradient_norm": result.gradient_norm,
                    **noise_of(self._model),
                    **dict(zip(described, means[2:], strict=True)),
                },
                counts={"substituted": self._tally.substituted, "skipped": self._guard.skipped},
            )
        )

    def _give_up(self, result: StepResult) -> None:
        raise MillionIrdError(
            f"{self._guard.in_a_row} steps in a row had to be skipped, the last at step {self._step:,}: "
            f"{result.verdict}. Go on from the last checkpoint with --resume, or begin anew with a lower optimizer.lr "
            "or precision=fp32"
        )

    def _say(self, text: str) -> None:
        """One line for whoever watches, from the first rank."""
        if self._ranks.is_first:
            to_stderr(text)

    def _is_due(self, every: int) -> bool:
        """Whether what happens every so many steps, and after the last, happens now."""
        return self._step == self._recipe.steps or (every > 0 and self._step % every == 0)

    def _validate(self) -> bool:
        """Judges the network; whether it is better than ever. With an average of the weights, that one is judged by."""
        if self._training.judge is None:
            return False
        with eager():  # sizes that training never sees must not be compiled, nor make training compile anew
            return self._judge(self._training.judge)

    def _judge(self, judge: Judge) -> bool:
        began = time.perf_counter()
        scores = judge.scores(self._model)
        values: dict[str, Any] = {"mean": mean_score(scores), **scores}
        if self._ema:
            with self._ema.applied():
                averaged = judge.scores(self._model)
            values["ema"] = {"mean": mean_score(averaged), **averaged}
        decisive = mean_score(averaged if self._ema else scores)
        better = math.isfinite(decisive) and (self._best is None or decisive > self._best)
        self._best = decisive if better else self._best
        if self._log:
            for name, picture in judge.pictures(self._model).items():
                self._log.picture(self._step, name, picture)
            self._log.write("validation", self._step, {**values, "seconds": time.perf_counter() - began})
        self._say(f"step {self._step:,}: validation {decisive:.2f} dB" + (", the best so far" if better else ""))
        return better

    def _save(self, better: bool) -> None:
        """A checkpoint, written by the first rank while the others wait."""
        self._ranks.from_first(lambda: self._write(better))

    def _write(self, better: bool) -> None:
        assert self._log is not None
        self._checkpoints.save(
            Checkpoint(
                step=self._step,
                position=self._step * self._recipe.batch,
                model=self._model.state_dict(),
                optimiser=self._optimizer.state_dict(),
                metadata=self._metadata,
                ema=self._ema.state() if self._ema else None,
                rng=self._random_state(),
                best=self._best,
                counters={
                    "stream": self._training.source.state(),
                    "guard": self._guard.state(),
                    "tally": self._tally.state(),
                    "log": self._log.state(),
                },
            ),
            better,
        )

    def _random_state(self) -> dict[str, torch.Tensor]:
        """Of the generators that a network may draw from; the same on every rank, since all draw alike."""
        device = self._ranks.device
        return {
            "torch": torch.get_rng_state(),
            **({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}),
        }

    def _load_weights(self, checkpoint: Checkpoint | None) -> None:
        """Weights to go on from, or those the recipe begins with."""
        init = self._recipe.init
        if checkpoint is not None:
            self._training.source.check(checkpoint.counters["stream"])
            load_weights(self._training.model, checkpoint.model, str(self._checkpoints.path(checkpoint.step)))
        elif init:
            recipe = self._recipe
            begun = self._ranks.from_first(lambda: read_init(init, recipe.model, recipe.seed))
            load_weights(self._training.model, begun, f"init = {init}")

    def _restore(self, checkpoint: Checkpoint) -> Mapping[str, Any]:
        """Takes all other state of a checkpoint over; returns that of the log."""
        self._optimizer.load_state_dict(dict(checkpoint.optimiser))
        if self._ema and checkpoint.ema:
            self._ema.load(checkpoint.ema)
        self._guard.load(checkpoint.counters["guard"])
        self._tally = Tally(**checkpoint.counters["tally"])
        torch.set_rng_state(checkpoint.rng["torch"])
        if "cuda" in checkpoint.rng and self._ranks.device.type == "cuda":
            torch.cuda.set_rng_state(checkpoint.rng["cuda"], self._ranks.device)
        self._step, self._best = checkpoint.step, checkpoint.best
        window: Mapping[str, Any] = checkpoint.counters["log"]
        return window


def step_settings(recipe: TrainingRecipe, device: torch.device, objective: Objective) -> StepSettings:
    """How the steps of a recipe are computed on a device."""
    automatic: Precision = "bf16" if device.type == "cuda" else "fp32"
    return StepSettings(
        accumulate=recipe.accumulate,
        precision=automatic if recipe.precision == "auto" else recipe.precision,
        distil=recipe.draw.rule == "sandwich" and recipe.draw.distil,
        clip_norm=recipe.optimizer.clip_norm,
        objective=objective,
    )
