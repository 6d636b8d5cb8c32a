"""Whether a step may change the weights: not with NaN, infinities or a loss far above what was usual."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from million_ird.errors import UsageError

Verdict = Literal["", "loss is not finite", "gradient is not finite", "loss spike"]
"""Why a step is skipped; "" where it is not."""


@dataclass(frozen=True)
class GuardSettings:
    """When a step is skipped. A skipped step changes neither weights nor optimiser and counts as no update."""

    spike: float = 10.0
    """Skip a step whose loss is above this many times the median of the last `window` accepted losses; 0: never
    (ours: far outside what the draw of corruptions does, inside what a run in 16 bits may do once in a week)."""
    window: int = 128
    """Accepted losses that the median is taken of; also how many must be there before a spike is looked for."""
    most_in_a_row: int = 50
    """Skipped steps in a row after which the run stops."""

    def __post_init__(self) -> None:
        if self.spike != 0 and self.spike <= 1:
            raise UsageError(f"guard.spike: got {self.spike}, expected 0 (never) or more than 1")
        if self.window < 1 or self.most_in_a_row < 1:
            raise UsageError("guard.window, guard.most_in_a_row: expected at least 1")


class Guard:
    """Judges steps one after the other. Given the same numbers, every rank comes to the same verdict."""

    def __init__(self, settings: GuardSettings) -> None:
        self._settings = settings
        self._losses: deque[float] = deque(maxlen=settings.window)
        self.skipped = 0
        """Steps skipped since the beginning of the run."""
        self.in_a_row = 0
        """Steps skipped since the last accepted one."""

    @property
    def limit(self) -> float:
        """The loss above which the next step is a spike; infinity while there is no judging."""
        if self._settings.spike == 0 or len(self._losses) < self._settings.window:
            return math.inf
        return self._settings.spike * median(self._losses)

    def judge(self, loss: float, gradient_norm: float) -> Verdict:
        """The verdict on a step's loss (mean of all ranks) and the norm of its gradient; the state is not changed."""
        if not math.isfinite(loss):
            return "loss is not finite"
        if not math.isfinite(gradient_norm):
            return "gradient is not finite"
        return "loss spike" if loss > self.limit else ""

    def note(self, loss: float, verdict: Verdict) -> None:
        """Takes down what became of a step."""
        if verdict:
            self.skipped += 1
            self.in_a_row += 1
        else:
            self.in_a_row = 0
            self._losses.append(loss)

    @property
    def exhausted(self) -> bool:
        """Whether so many steps in a row were skipped that the run must stop."""
        return self.in_a_row >= self._settings.most_in_a_row

    def state(self) -> dict[str, Any]:
        """What a resumed run needs, as plain values fit for JSON (which keeps every bit of a float)."""
        return {"losses": list(self._losses), "skipped": self.skipped, "in_a_row": self.in_a_row}

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from a saved state."""
        self._losses = deque(state["losses"], maxlen=self._settings.window)
        self.skipped, self.in_a_row = int(state["skipped"]), int(state["in_a_row"])
