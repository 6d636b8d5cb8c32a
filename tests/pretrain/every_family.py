"""The smallest network of every family, and batches for each: degraded pictures of 16 pixels a side, clean ones `scale`
times as large, and a mask of the pixels that were degraded."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from pretrain.models.carn import CARNSettings
from pretrain.models.dynet import DyNetSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import ModelSettings, build_network, scale_of
from pretrain.models.ghost.layer import GhostSettings
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.predictor import Predictor
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.rdn import RDNSettings
from pretrain.models.variants import WHOLE, AnyVariant
from tests.pretrain.tiny import LARGE, SETTINGS, SIDE, SMALL, UNSHARED, TinyBatch, TinySource, tiny_batch

_EDSR = EDSRSettings(2, width=6, blocks=2, residual_scale=0.3)
_CARN = CARNSettings(2, width=8)
_CARN_M = CARNSettings(2, (2,), width=8, efficient=True, groups=2)
_GRL = GRLSettings(width=8, depths=(2,), window=4, stripe=(4, 8), anchor_factor=2)

LMD_VIT = LMDViTSettings(width=4, window=2, depths=(2, 1, 1, 1, 1, 1, 1, 1, 1), heads=(1,) * 9)

NETWORKS: dict[str, ModelSettings] = {
    "dynet": SETTINGS,
    "dynet unshared": UNSHARED,
    "esrt": ESRTSettings(scale=2, width=8, blocks=1, low_repeats=2, heads=4),
    "grl": _GRL,
    "grl enlarging": replace(_GRL, scale=2, upsampler="direct"),
    "lmd-vit": LMD_VIT,
    "edsr": _EDSR,
    "rdn": RDNSettings(2, blocks=2, layers=2, growth=6, width=4),
    "carn": _CARN,
    "carn-m": _CARN_M,
    "ghost of edsr": GhostNetworkSettings(_EDSR, epoch_steps=4),
    "ghost of rdn": GhostNetworkSettings(RDNSettings(2, blocks=1, layers=2, growth=6, width=4)),
    "ghost of carn": GhostNetworkSettings(_CARN, GhostSettings(offsets="channel", gradient="softmax")),
    "ghost of carn-m": GhostNetworkSettings(_CARN_M),
}
"""Settings by what the network is."""


def variants_of(settings: ModelSettings) -> tuple[AnyVariant, ...]:
    """Those that tests train."""
    return (LARGE, SMALL) if isinstance(settings, DyNetSettings) else (WHOLE,)


def network(settings: ModelSettings, seed: int = 0) -> nn.Module:
    """In training mode, no weight at its first value, so that nothing is asleep."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = build_network(settings, variants_of(settings))
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight) / max(weight[0].numel(), 1) ** 0.5)
    return model


def batch_of(settings: ModelSettings, step: int = 0, batch: int = 2, rank: int = 0, ranks: int = 1) -> TinyBatch:
    """A rank's share of a step's samples; of each the left half of the mask is set, or the right one, in turn."""
    given = tiny_batch(step, batch, rank, ranks)
    side = SIDE * scale_of(settings)
    factor = side // SIDE
    clean = given.targets.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    right = torch.arange(batch)[rank::ranks] % 2 == 1
    masks = (torch.arange(side) >= side // 2)[None] == right[:, None]
    return TinyBatch(given.inputs, clean, masks=masks.byte()[:, None, None].expand(-1, 1, side, side).contiguous())


@torch.no_grad()
def keep_everything(model: nn.Module) -> nn.Module:
    """LMD-ViT's predictors made so sure that nothing drawn prunes a window: a step then depends on no draw."""
    for part in model.modules():
        if isinstance(part, Predictor):
            last = part.judge[-1]
            assert isinstance(last, nn.Linear)
            last.weight.mul_(0.1)
            last.bias.copy_(torch.tensor([20.0, -20.0]))
    return model


class FamilySource(TinySource):
    """Endless batches for the network of some settings."""

    def __init__(self, settings: ModelSettings, most: int = 10**6) -> None:
        super().__init__(most=most)
        self.settings = settings

    def batch(self, step: int, batch: int, rank: int, ranks: int) -> TinyBatch:
        return batch_of(self.settings, step, batch, rank, ranks)
