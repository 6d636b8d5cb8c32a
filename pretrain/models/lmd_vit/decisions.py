"""From a window's two logits to its decision: drawn in training, by threshold at inference."""

# ruff: noqa: N803 - shape suffixes are upper case
from __future__ import annotations

import torch
from torch import Tensor

from pretrain.models.lmd_vit.predictor import KEEP


def draw_decisions(logits_BRK2: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """(B, R, K) float: 1 keeps a window, 0 prunes it, with the probabilities softmax(logits).

    Jang et al., "Categorical Reparameterization with Gumbel-Softmax", arXiv 1611.01144, straight through: the value is
    the hard draw, the gradient that of softmax(logits + Gumbel noise), at temperature 1 (authors' code). In float32 or
    better.

    Args:
        generator: where the noise is drawn, on the logits' device; None is PyTorch's global one.
    """
    exact = logits_BRK2.to(torch.promote_types(logits_BRK2.dtype, torch.float32))
    noise = -torch.empty_like(exact).exponential_(generator=generator).log()
    soft = (exact + noise).softmax(dim=-1)[..., KEEP]
    hard = (soft > 0.5).to(soft.dtype)
    return hard + (soft - soft.detach())


def threshold_decisions(logits_BRK2: Tensor) -> Tensor:
    """(B, R, K) bool: True, kept, where softmax(logits) gives keeping more than one half."""
    return logits_BRK2.float().softmax(dim=-1)[..., KEEP] > 0.5
