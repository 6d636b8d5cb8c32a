"""How a network asks to be listed by `million-ird models`; each network's file, or one beside it, says it of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from pretrain.models.operations import Macs, count_macs


@dataclass(frozen=True)
class Listing:
    """A network, or one variant of one."""

    name: str
    """Of the network, in small letters: what `million-ird models NAME` asks for."""
    build: Callable[[], nn.Module]
    """Makes it; called with the meta device as default, so that no weight is drawn."""
    variant: str | None = None
    """Which of its variants, such as "×4"."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings that matter, by name."""
    input: tuple[int, int] = (224, 224)
    """Height and width in pixels of the image that multiply-accumulates are counted for: of the low-resolution image
    in super-resolution."""
    published_parameters: str | None = None
    """The figure of the paper as it stands there, such as "751K", or the one measured on the authors' code; None where
    none is known for sure."""
    published_macs: str | None = None
    """The same for one pass over `input`, such as "10.01 G"."""
    count: Callable[[nn.Module, int, int], Macs] = field(default=lambda model, h, w: count_macs(model, 1, 3, h, w))
    """Multiply-accumulates of one pass over an image of (height, width). Given the network on the meta device."""

    def built(self) -> nn.Module:
        """The network, on the meta device, as it is at inference."""
        with torch.device("meta"):
            return self.build().eval()
