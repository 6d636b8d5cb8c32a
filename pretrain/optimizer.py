"""The optimiser and its settings; the defaults are the paper's pre-training: Adam, 0.9 and 0.999, 1e-4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from million_ird.errors import UsageError


@dataclass(frozen=True)
class OptimizerSettings:
    """How gradients become new weights."""

    kind: Literal["adam", "adamw"] = "adam"
    """"adam" (paper, pre-training) or "adamw" (the published fine-tuning code)."""
    lr: float = 1e-4
    """Full learning rate (paper); `schedule` says how it moves."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of the averages of gradients and of their squares (paper)."""
    eps: float = 1e-8
    """Added to the denominator (PyTorch's default; the paper names none)."""
    weight_decay: float = 0.0
    """Decoupled for "adamw", a part of the gradient for "adam"; the paper names none."""
    clip_norm: float = 0.0
    """Gradients longer than this are shortened to it; 0: never (paper)."""

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise UsageError(f"optimizer.lr: got {self.lr}, expected more than 0")
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise UsageError(f"optimizer.betas: got {list(self.betas)}, expected two numbers from 0 to below 1")
        if not self.eps > 0:
            raise UsageError(f"optimizer.eps: got {self.eps}, expected more than 0")
        if self.weight_decay < 0 or self.clip_norm < 0:
            raise UsageError("optimizer.weight_decay, optimizer.clip_norm: expected at least 0")


def make_optimizer(model: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """An optimiser of all parameters of `model`, which is on its device already.

    The update of all parameters is one kernel ("fused"), on the CPU too.
    """
    kind = torch.optim.Adam if settings.kind == "adam" else torch.optim.AdamW
    return kind(
        model.parameters(),
        lr=settings.lr,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every parameter group the rate of the step to come."""
    for group in optimizer.param_groups:
        group["lr"] = rate
