"""What pre-training and fine-tuning give the loop: where batches come from, who judges, what is minimised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import nn

from pretrain.objective import Objective
from pretrain.recipe import TrainingRecipe
from pretrain.step import Samples
from pretrain.validate import Scores


class Batch(Samples, Protocol):
    """This rank's share of the samples of one step."""

    @property
    def substituted(self) -> int:
        """How many stand in for damaged ones."""


class Batches(Protocol):
    """Batches one after the other, without end."""

    def __next__(self) -> Batch: ...

    def close(self) -> None:
        """Ends whatever makes them."""


class Source(Protocol):
    """An endless sequence of batches that can be entered anywhere."""

    @property
    def fingerprint(self) -> str:
        """Of the sequence: equal for equal batches."""

    def state(self) -> Mapping[str, int | str]:
        """Plain values that, together with a step and the batch, decide all samples from there on."""

    def check(self, state: Mapping[str, int | str]) -> None:
        """Raises `DatasetError` or `UsageError` if a checkpoint's `state` is of another sequence."""

    def loader(
        self, batch_size: int, rank: int, ranks: int, start_step: int, pin_memory: bool, *, substituted: int
    ) -> Batches:
        """The batches from step `start_step` (0-based) on: of each, `batch_size / ranks` samples.

        `pin_memory`: in page-locked memory, for a GPU. `substituted`: samples of this rank that stood in before.
        """


class Judge(Protocol):
    """Says how good a network is; `pretrain.validate.Validator` is one."""

    def scores(self, model: nn.Module) -> Scores:
        """Mean PSNR by variant and task, the same on every rank; every rank calls at the same steps."""

    def pictures(self, model: nn.Module) -> Mapping[str, npt.NDArray[np.uint8]]:
        """Pictures to look at, (H, W, 3), by name; called on the first rank only."""


@dataclass(frozen=True)
class Training:
    """Everything that one kind of training has of its own."""

    recipe: TrainingRecipe
    """Steps, optimiser, draw of variants and the like."""
    model: nn.Module
    """A network of the recipe's family, on the CPU, with random weights, equal on every rank."""
    objective: Objective
    """What is minimised."""
    source: Source
    """Where batches come from."""
    judge: Judge | None
    """How the network is judged; None: never."""
    validate_every: int
    """Steps between two validations; 0: only after the last."""
    metadata: Mapping[str, str]
    """Text to keep with the weights, `licences` for example; network, recipe and fingerprint are added."""
    describe: Callable[[Any], Mapping[str, float]] = field(default=lambda batch: {})
    """Numbers of a batch to log as means: fractions of masked cells and the like."""
