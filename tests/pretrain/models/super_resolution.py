"""The dense networks for super-resolution, whole and tiny, and their table."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from pretrain.models.carn import CARN, CARNSettings
from pretrain.models.edsr import EDSR, EDSRSettings, baseline
from pretrain.models.rdn import RDN, RDNSettings

BUILD: dict[str, Callable[[int], nn.Module]] = {
    "edsr": lambda scale: EDSR(EDSRSettings(scale)),
    "edsr-baseline": lambda scale: EDSR(baseline(scale)),
    "rdn": lambda scale: RDN(RDNSettings(scale)),
    "carn": lambda scale: CARN(CARNSettings(scale)),
    "carn-m": lambda scale: CARN(CARNSettings(scale, efficient=True)),
}
TINY: dict[str, Callable[[int], nn.Module]] = {
    "edsr": lambda scale: EDSR(EDSRSettings(scale, width=6, blocks=2, residual_scale=0.3)),
    "rdn": lambda scale: RDN(RDNSettings(scale, blocks=2, layers=2, growth=6, width=4)),
    "carn": lambda scale: CARN(CARNSettings(scale, width=8)),
    "carn-m": lambda scale: CARN(CARNSettings(scale, (scale,), width=8, efficient=True, groups=2)),
}


def tiny(name: str, scale: int = 2) -> nn.Module:
    """The same small network every time."""
    torch.manual_seed(0)
    return TINY[name](scale)


def whole(name: str, scale: int) -> nn.Module:
    """The published network, without weights."""
    with torch.device("meta"):
        return BUILD[name](scale)
