"""What a network is fine-tuned for: tasks, each a section `[tasks.<name>]` of the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from million_ird.errors import UsageError
from pretrain.evaluate.protocols import NoiseKind

PUBLISHED_SHARES: Mapping[str, float] = {"denoise": 46_296, "derain": 24_000, "dehaze": 72_135}
"""Samples of an epoch in the authors' code: 5,144 photographs × 3 noise levels × 3; 200 rainy pictures × 120; 72,135
hazy pictures. That is .325, .169 and .506 of all."""


@dataclass(frozen=True)
class TaskSettings:
    """One task: noise to be removed from clean photographs, or pairs of pictures to be learnt."""

    clean: tuple[str, ...] = ()
    """Folders of clean photographs, with all folders below them. Of the pairs, the clean halves."""
    degraded: tuple[str, ...] = ()
    """Folders of degraded pictures, with all folders below them; makes it a task of pairs."""
    names: Literal["auto", "same", "rain", "haze"] = "auto"
    """How names make pairs: "same" name; "rain" number (rain-1, norain-1); "haze" scene (0001_0.8_0.2, 0001). "auto"
    takes the one that makes most pairs."""
    dataset: tuple[str, ...] = ()
    """Built datasets whose patches are clean photographs, too; not for pairs."""
    sigmas: tuple[float, ...] = ()
    """Standard deviations of Gaussian noise in levels of 255; makes it a task of noise. Each photograph comes once with
    each of them in an epoch of the task. The paper has 15, 25 and 50."""
    noise: NoiseKind = "truncated"
    """"truncated": the noisy picture is clipped and cut down to whole levels, half a level darker in the mean, as the
    published codes make it in training and test; the default, since `evaluate` feeds the same by default. "float":
    neither clipped nor rounded, as under `evaluate --protocol fixed`."""
    weight: float = 1.0
    """Share of the samples relative to the other tasks' weights; 0 leaves the task out."""

    def __post_init__(self) -> None:
        if bool(self.degraded) == bool(self.sigmas):
            raise UsageError("a task needs either degraded (folders, for pairs) or sigmas (for noise), and not both")
        if self.degraded and (self.dataset or not self.clean):
            raise UsageError("a task of pairs takes its clean pictures from clean (folders), and from no dataset")
        if not (self.clean or self.dataset):
            raise UsageError("a task needs clean photographs: clean (folders) or dataset")
        if any(sigma <= 0 for sigma in self.sigmas):
            raise UsageError("sigmas: noise levels must be above 0")
        if self.weight < 0:
            raise UsageError(f"weight: got {self.weight}, expected at least 0")


def task_weights(tasks: Mapping[str, TaskSettings], shares: Literal["weights", "published"]) -> dict[str, float]:
    """Relative share of each task that takes part: of their own weights, or as in the authors' code.

    Raises:
        UsageError: no task is left, or the authors' shares are wanted of a task they do not have.
    """
    chosen = {name: task.weight for name, task in tasks.items() if task.weight > 0}
    if not chosen:
        raise UsageError("tasks: at least one with a weight above 0 is needed")
    if shares == "weights":
        return chosen
    unknown = [name for name in chosen if name not in PUBLISHED_SHARES]
    if unknown:
        known = ", ".join(PUBLISHED_SHARES)
        raise UsageError(f'shares: "published" knows the tasks {known}, not {unknown[0]}; use weights')
    return {name: PUBLISHED_SHARES[name] for name in chosen}
