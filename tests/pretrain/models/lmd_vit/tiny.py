"""A network that a test can afford: windows of 2×2 features, pictures padded to 32 pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.lmd_vit.predictor import Predictor
from pretrain.models.lmd_vit.settings import LMDViTSettings

TINY = LMDViTSettings(
    width=4, window=2, depths=(1, 2, 3, 2, 2, 3, 2, 2, 1), heads=(1, 1, 2, 2, 2, 2, 2, 1, 1), drop_path=0.0
)


@torch.no_grad()
def network(settings: LMDViTSettings = TINY) -> LMDViT:
    """In eval mode, with weights large enough to matter and predictors that keep some windows and prune some."""
    torch.manual_seed(0)
    model = LMDViT(settings).eval()
    for parameter in model.parameters():
        inputs = parameter[0].numel() if parameter.ndim > 1 else 25
        parameter.copy_(torch.randn(parameter.shape) / inputs**0.5)
    undecide(model)
    return model


@torch.no_grad()
def undecide(model: LMDViT) -> None:
    """Let each predictor, whatever its weights, keep about half of the windows."""
    hooks = [part.register_forward_hook(_centre) for part in model.modules() if isinstance(part, Predictor)]
    model(torch.rand(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()


def _centre(part: Predictor, _given: Any, logits_BHW2: Tensor) -> Tensor:  # noqa: N803
    mean = logits_BHW2.mean(dim=(0, 1, 2))
    part.judge[-1].state_dict()["bias"].sub_(mean)
    return logits_BHW2 - mean


def random_decisions(model: LMDViT, batch: int, height: int, width: int, share: float, seed: int) -> list[Tensor]:
    """One bool (B, R, K) for each map, True with the probability `share`."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(batch, *grid, generator=generator) < share for grid in model.grids(height, width)]
