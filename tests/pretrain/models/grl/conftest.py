from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from pretrain.models.grl.network import GRL
from pretrain.models.grl.settings import GRLSettings

NARROW = GRLSettings(width=8, depths=(4,), window=4, stripe=(4, 8), anchor_factor=2)


@pytest.fixture
def narrow() -> Callable[..., GRL]:
    """A network of one stage whose weights are all random, biases and norms included; arguments change its settings."""

    def make(**changes: Any) -> GRL:
        torch.manual_seed(0)
        model = GRL(dataclasses.replace(NARROW, **changes)).eval()
        with torch.no_grad():
            for part in model.modules():
                if isinstance(part, nn.Linear | nn.Conv2d):
                    nn.init.normal_(part.weight, std=part.weight[0].numel() ** -0.5)
                    if part.bias is not None:
                        nn.init.normal_(part.bias, std=0.3)
                elif isinstance(part, nn.LayerNorm):
                    nn.init.uniform_(part.weight, 0.5, 1.5)
                    nn.init.normal_(part.bias, std=0.3)
        return model

    return make
