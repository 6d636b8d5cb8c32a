"""Small ghost networks whose weights all differ from their first values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.convert import ghostify
from pretrain.models.ghost.layer import GhostConvolution, GhostSettings
from tests.pretrain.models.super_resolution import tiny


def ghost_layer(offset: tuple[int, int] | None = None, *, channels: int = 6, **settings: object) -> GhostConvolution:
    """Of a dense convolution of 4 channels to `channels`; looks `offset` down and right."""
    torch.manual_seed(1)
    layer = GhostConvolution(nn.Conv2d(4, channels, 3, padding=1), GhostSettings(**settings))  # type: ignore[arg-type]
    if offset is not None:
        aim(layer, *offset)
    return layer


def aim(layer: GhostConvolution, down: int, right: int) -> None:
    """Make the weight of an offset the largest."""
    reach = layer.settings.reach
    with torch.no_grad():
        layer.shift[:, 0, down + reach, right + reach] = 7


def tiny_ghost(name: str, **settings: object) -> nn.Module:
    """The small network of that name, converted with new weights."""
    return ghostify(tiny(name), GhostSettings(**settings))  # type: ignore[arg-type]


def layers(model: nn.Module) -> list[GhostConvolution]:
    """Its ghost convolutions."""
    return [layer for _, layer in ghost_layers(model)]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws from here, and then goes on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
