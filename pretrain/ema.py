"""An exponential moving average of the weights, kept beside the trained ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError


@dataclass(frozen=True)
class EmaSettings:
    """The average of the weights. Off by default: the paper names none."""

    enabled: bool = False
    """Keep an average; it is saved, validated and exported beside the trained weights."""
    decay: float = 0.999
    """Share of the old average that each step keeps, 0 to 1 (ours; usual for restoration networks)."""
    ramp: bool = True
    """Let the decay of step t be at most (1 + t) / (10 + t), so that the random first weights are forgotten soon (the
    rule of TensorFlow's ExponentialMovingAverage with num_updates)."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.decay < 1.0:
            raise UsageError(f"ema.decay: got {self.decay}, expected at least 0 and below 1")

    def decay_at(self, step: int) -> float:
        """The decay of step `step` (from 0)."""
        return min(self.decay, (1.0 + step) / (10.0 + step)) if self.ramp else self.decay


class Ema:
    """The averages of a model's parameters, in float32, by the names of its state dict; what else that holds, such as
    indices and the strength of a noise, is kept as it is in the model."""

    def __init__(self, model: nn.Module, settings: EmaSettings) -> None:
        self._settings = settings
        self._live = dict(model.state_dict(keep_vars=True))
        self._means = {name: value.detach().clone() for name, value in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes the weights after step `step` (from 0) in."""
        weight = 1.0 - self._settings.decay_at(step)
        weights = [name for name, value in self._live.items() if isinstance(value, nn.Parameter)]
        live = [self._live[name].detach() for name in weights]
        torch._foreach_lerp_([self._means[name] for name in weights], live, weight)
        for name in self._live.keys() - set(weights):
            self._means[name].copy_(self._live[name])

    def state(self) -> dict[str, Tensor]:
        """The averages, to be saved; not a copy."""
        return self._means

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from saved averages."""
        for name, value in self._means.items():
            value.copy_(state[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model computes with the averages inside the block; afterwards its weights are what they were."""
        kept = {name: value.detach().clone() for name, value in self._live.items()}
        self._copy(self._means)
        try:
            yield
        finally:
            self._copy(kept)

    @torch.no_grad()
    def _copy(self, values: Mapping[str, Tensor]) -> None:
        for name, value in self._live.items():
            value.copy_(values[name])  # in place: compiled graphs and the optimiser hold these very tensors
