"""A super-resolution network whose inner convolutions are ghost convolutions, as one network that can be trained."""

# ruff: noqa: N803 - shape suffixes are upper case
from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.carn import CARN, CARNSettings
from pretrain.models.edsr import EDSR, EDSRSettings
from pretrain.models.ghost.anneal import anneal, ghost_layers
from pretrain.models.ghost.convert import convert_from_pretrained, ghostify
from pretrain.models.ghost.freeze import freeze
from pretrain.models.ghost.layer import GhostSettings
from pretrain.models.rdn import RDN, RDNSettings

DenseSettings = EDSRSettings | RDNSettings | CARNSettings
"""Networks that are converted: `inner_convolutions` says which of their layers."""


@dataclass(frozen=True)
class GhostNetworkSettings:
    """A dense network and how it is converted."""

    family: Literal["ghost"] = field(default="ghost", kw_only=True)
    """Of the network: GhostSR of another one."""
    network: DenseSettings = field(default_factory=EDSRSettings)
    """The dense network: what is converted. Which of its layers are, docs/models.md says."""
    ghost: GhostSettings = field(default_factory=GhostSettings)
    """What part of its layers becomes ghosts, and how their offsets are learned."""
    epoch_steps: int = 50
    """Steps that the noise on the offsets counts as one epoch, 1 or more: 800 photographs in batches of 16 (ours, after
    the data of the authors, who name epochs and no steps)."""

    def __post_init__(self) -> None:
        if self.epoch_steps < 1:
            raise UsageError(f"epoch_steps: got {self.epoch_steps}, expected 1 or more")

    @property
    def scale(self) -> int:
        """Side of the result per side of the image."""
        return self.network.scale

    def held(self, height: int, width: int) -> float:
        """Numbers that tensors hold at a time at most, to restore an image; see `pretrain.memory`."""
        return self.network.held(height, width) + self.network.width * height * width  # ghosts beside what is computed


class GhostNetwork(nn.Module):
    """(B, 3, H, W), 0 to 1, any size → (B, 3, scale·H, scale·W), not clamped: the dense network, its layers converted.

    Args:
        settings: see there.
        dense: a trained network whose weights are taken over by `convert_from_pretrained`; None for new ones.
    """

    def __init__(self, settings: GhostNetworkSettings | None = None, dense: nn.Module | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or GhostNetworkSettings()
        self.network = (
            ghostify(build_dense(settings.network), settings.ghost)
            if dense is None
            else convert_from_pretrained(dense, settings.ghost)
        )

    @property
    def scale(self) -> int:
        """Side of the result per side of the image."""
        return self.settings.scale

    def forward(self, image_B3HW: Tensor) -> Tensor:
        result: Tensor = self.network(image_B3HW)
        return result

    def before_step(self, step: int) -> None:
        """Lets the noise fade: to be called before each training step, 0 being the first."""
        anneal(self.network, 1.0 + step / self.settings.epoch_steps)

    @property
    def noise(self) -> float:
        """What the noise on the offsets is multiplied by: 1 at first; 0 where nothing is a ghost."""
        return next((float(layer.noise) for _, layer in ghost_layers(self.network)), 0.0)

    def frozen(self) -> GhostNetwork:
        """A copy for inference, in which ghosts are slices; in eval mode it gives the same bits."""
        twin = copy.deepcopy(self)
        twin.network = freeze(self.network)
        return twin


def build_dense(settings: DenseSettings) -> nn.Module:
    """The dense network of these settings, with new weights."""
    if isinstance(settings, EDSRSettings):
        return EDSR(settings)
    return RDN(settings) if isinstance(settings, RDNSettings) else CARN(settings)
