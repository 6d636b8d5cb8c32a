"""The tiles that suit each network: sides that its windows divide, and no larger than it is worth."""

from __future__ import annotations

from pretrain.models.dynet import DyNetSettings
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import ModelSettings
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.tiles import Tiles

ESRT_WHOLE = 60_000
"""Pixels of the largest image that the authors of ESRT restore at once (their `forward_chop`)."""
_GRL_SIDE = 256
_DYNET_MULTIPLE = 8
"""DyNet's total downsampling."""
_ESRT_MULTIPLE = 2


def tiles_for(settings: ModelSettings, side: int | None = None, overlap: int | None = None) -> Tiles:
    """Tiles of the side and overlap asked for, else of the network's own.

    - DyNet: 512 and 32, a dataset patch (ours).
    - ESRT: 240 and 20. Its attention takes the square of the pixels, its authors cut what has more than 60,000 into
      parts that reach 10 pixels over their seams.
    - LMD-ViT: 512 and 128, multiples of its largest windows: all tiles then see the windows that the whole image has.
    - GRL: the multiple of its windows and stripes next to 256, and 32 (ours).
    - EDSR, RDN, CARN and their GhostSR forms: 256 and 32; a pixel's neighbourhood reaches farther in theory (EDSR: 70
      pixels), but counts for little there (measured in docs/large_images.md).

    Raises:
        UsageError: this network cannot be cut like that.
    """
    own = _own(settings)
    side = own.side if side is None else side
    most = side // 2 if side > own.multiple else 0
    return Tiles(side, min(own.overlap, most) if overlap is None else overlap, own.multiple)


def largest_whole(settings: ModelSettings) -> int | None:
    """Pixels above which mode `auto` cuts an image whatever the memory; None: there is no such number."""
    return ESRT_WHOLE if isinstance(settings, ESRTSettings) else None


def _own(settings: ModelSettings) -> Tiles:
    match settings:
        case DyNetSettings():
            return Tiles(512, 32, _DYNET_MULTIPLE)
        case ESRTSettings():
            return Tiles(240, 20, _ESRT_MULTIPLE)
        case LMDViTSettings():
            return Tiles(4 * settings.multiple, settings.multiple, settings.multiple)
        case GRLSettings():
            side = max(1, round(_GRL_SIDE / settings.multiple)) * settings.multiple
            return Tiles(side, 32 if side > settings.multiple else 0, settings.multiple)
        case _:
            return Tiles(256, 32)
