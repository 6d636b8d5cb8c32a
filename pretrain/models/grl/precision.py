"""Where float32 is kept under autocast: norms, logits, softmax and position biases."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn
from torch.nn import functional


def at_least_float32(x: Tensor) -> Tensor:
    """`x`, as float32 if it is in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Types are what they are inside, on devices that have an autocast and on those that have none (meta)."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return contextlib.nullcontext()


class Norm(nn.LayerNorm):
    """Layer norm over the last dimension, computed in float32 or better.

    Under autocast the result is float32, like the weights, and so is what it is added to.
    """

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = at_least_float32(self.weight), at_least_float32(self.bias)
        with without_autocast(x.device):
            normed = functional.layer_norm(at_least_float32(x), self.normalized_shape, weight, bias, self.eps)
        return normed.to(torch.promote_types(x.dtype, self.weight.dtype))
