"""The learning rate of a step: constant as in the paper, along a cosine, or in steps; after a warm-up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from million_ird.errors import UsageError


@dataclass(frozen=True)
class ScheduleSettings:
    """How the learning rate moves. The defaults are the paper's pre-training: it does not move."""

    shape: Literal["constant", "cosine", "steps"] = "constant"
    """"cosine": from `optimizer.lr` down to `final_fraction` of it along half a cosine wave. "steps": times `factor` at
    each of `milestones`, as the codes of ESRT, GhostSR and GRL have it."""
    warmup: int = 0
    """Steps of linear warm-up before that. The first step has 1/warmup of the full rate, never zero (the published
    fine-tuning code spends its whole first epoch at zero)."""
    final_fraction: float = 0.0
    """Where the cosine ends, as a fraction of `optimizer.lr`; 0 to 1."""
    over: int = 0
    """Steps over which the cosine is spread, the warm-up included; 0: all steps of the run. A number larger than
    `steps` stops it early, as the published fine-tuning does (120 epochs of a schedule of 150)."""
    milestones: tuple[int, ...] = ()
    """For "steps": the steps from which on the rate is multiplied once more, in rising order."""
    factor: float = 0.5
    """For "steps": what it is multiplied by, above 0, up to 1 (the codes named above)."""

    def __post_init__(self) -> None:
        if bool(self.milestones) != (self.shape == "steps") or list(self.milestones) != sorted(set(self.milestones)):
            raise UsageError('schedule.milestones: steps in rising order, for shape = "steps" and no other')
        if min(self.milestones, default=0) < 0:
            raise UsageError(f"schedule.milestones: got {list(self.milestones)}, expected numbers of 0 or more")
        if not 0.0 < self.factor <= 1.0:
            raise UsageError(f"schedule.factor: got {self.factor}, expected more than 0, up to 1")
        if self.warmup < 0 or self.over < 0:
            raise UsageError("schedule.warmup, schedule.over: numbers of steps must be at least 0")
        if not 0.0 <= self.final_fraction <= 1.0:
            raise UsageError(f"schedule.final_fraction: got {self.final_fraction}, expected 0 to 1")


def learning_rate(step: int, steps: int, peak: float, settings: ScheduleSettings) -> float:
    """The learning rate of step `step` (from 0) of a run of `steps`; `peak` is the full rate."""
    if step < settings.warmup:
        return peak * (step + 1) / settings.warmup
    if settings.shape == "constant":
        return peak
    if settings.shape == "steps":
        return peak * settings.factor ** sum(step >= milestone for milestone in settings.milestones)
    length = (settings.over or steps) - settings.warmup
    done = min(1.0, (step - settings.warmup) / max(1, length))
    floor = settings.final_fraction
    return peak * (floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * done)))
