"""LMD-ViT's lines in the table of networks: all windows kept and none, between which every pass lies."""

from __future__ import annotations

from torch import nn

from pretrain.models.listing import Listing
from pretrain.models.lmd_vit.costs import count_all
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.operations import Macs


def count_all_kept(model: nn.Module, height: int, width: int) -> Macs:
    """Multiply-accumulates of a pass that prunes nothing, the most that one can take."""
    return _count(model, height, width, kept=True)


def _count_none_kept(model: nn.Module, height: int, width: int) -> Macs:
    return _count(model, height, width, kept=False)


def _count(model: nn.Module, height: int, width: int, *, kept: bool) -> Macs:
    if not isinstance(model, LMDViT):
        raise TypeError(f"an LMDViT is counted here, not a {type(model).__name__}")
    return count_all(model.settings, model.grids(height, width), kept=kept)


LISTED = tuple(
    Listing(
        "lmd-vit",
        LMDViT,
        variant,
        {"width": 32, "window": 8},
        (512, 512),
        published_parameters="54.55 M",  # measured on the authors' code, like the two figures below
        published_macs=macs,
        count=count,
    )
    for variant, macs, count in (
        ("all windows", "372.6 G", count_all_kept),
        ("no windows", "39.3 G", _count_none_kept),
    )
)
