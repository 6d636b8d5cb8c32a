"""The families of networks: what a recipe's `[model] family` may say, and what becomes of it.

A new network is its module, one more `Family` here and one more member of `ModelSettings`. What training, judging and
restoring must know of any network stands here and in its settings; they ask for a network by its class only where it
alone can do something (DyNet runs variants and bands, LMD-ViT learns from masks, GhostSR is made of another network).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from torch import nn

from million_ird.errors import UsageError
from pretrain.models.carn import CARN, CARNSettings, EfficientUnit
from pretrain.models.carn import ResidualUnit as CARNUnit
from pretrain.models.dynet import MULTIPLE as DYNET_MULTIPLE
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.edsr import EDSR, EDSRSettings, ResidualBlock
from pretrain.models.esrt import ESRT, ESRTSettings, HighPreservingBlock
from pretrain.models.ghost.network import GhostNetwork, GhostNetworkSettings
from pretrain.models.grl.block import Block as GRLBlock
from pretrain.models.grl.network import GRL
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.block import Block as LMDViTBlock
from pretrain.models.lmd_vit.listing import count_all_kept
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.operations import Macs, count_macs
from pretrain.models.rdn import RDN, RDNSettings, ResidualDenseBlock
from pretrain.models.restormer import TransformerBlock
from pretrain.models.variants import SHIPPED, WHOLE, AnyVariant, Variant, deepest
from pretrain.tiles import Tiles

ModelSettings = (
    DyNetSettings
    | ESRTSettings
    | GRLSettings
    | LMDViTSettings
    | EDSRSettings
    | RDNSettings
    | CARNSettings
    | GhostNetworkSettings
)
"""The recipe's section `[model]`; `family` says which it is."""


def _macs(model: nn.Module, height: int, width: int) -> Macs:
    return count_macs(for_inference(model), 1, 3, height, width)


def _plain_tiles(_settings: ModelSettings) -> Tiles:
    """A pixel's neighbourhood reaches farther in theory (EDSR: 70 pixels), but counts for little there (measured in
    docs/large_images.md)."""
    return Tiles(256, 32)


def _dynet_tiles(_settings: DyNetSettings) -> Tiles:
    """A dataset patch (ours). It halves the image three times."""
    return Tiles(512, 32, DYNET_MULTIPLE)


def _esrt_tiles(_settings: ESRTSettings) -> Tiles:
    """Its attention takes the square of the pixels, so small tiles are quick. Its authors cut what has more than 60,000
    into parts as large as that (their `forward_chop`), which takes 13 times as long and restores no better (measured in
    docs/large_images.md). Its backbone halves the image once."""
    return Tiles(96, 16, 2)


def _grl_tiles(settings: GRLSettings) -> Tiles:
    """The multiple of its windows and stripes next to its authors' crop of 256; the overlap is ours."""
    multiple = settings.multiple
    side = max(1, round(256 / multiple)) * multiple
    return Tiles(side, 32 if side > multiple else 0, multiple)


def _lmd_vit_tiles(settings: LMDViTSettings) -> Tiles:
    """Multiples of its largest windows: all tiles then see the windows that the whole image has."""
    return Tiles(4 * settings.multiple, settings.multiple, settings.multiple)


@dataclass(frozen=True)
class Family:
    """One kind of network."""

    name: str
    """What recipes and commands call it: the value of the settings' `family`."""
    title: str
    """What people call it."""
    settings: type[Any]
    """What decides its shapes."""
    build: Callable[[Any], nn.Module]
    """Settings → the network with random weights. (DyNet's unshared control needs to know its variants, too.)"""
    blocks: tuple[type[nn.Module], ...]
    """The modules that do most of the work, one after the other: what is computed again for its gradient, where memory
    is short."""
    macs: Callable[[nn.Module, int, int], Macs] = field(default=_macs, kw_only=True)
    """Multiply-accumulates of one pass over an image of (height, width), in the form for inference; of LMD-ViT with
    every window kept."""
    tiles: Callable[[Any], Tiles] = field(default=_plain_tiles, kw_only=True)
    """Settings → the tiles that suit the network: sides that its windows divide, and no larger than it is worth."""
    largest_whole: int | None = field(default=None, kw_only=True)
    """Pixels above which mode `auto` cuts an image whatever the memory; None: there is no such number."""
    halved_by_bf16: bool = field(default=True, kw_only=True)
    """Whether tensors are half as large in bfloat16; GRL computes attention in float32 whatever the precision."""


FAMILIES = (
    Family("dynet", "DyNet", DyNetSettings, DyNet, (TransformerBlock,), tiles=_dynet_tiles),
    Family("esrt", "ESRT", ESRTSettings, ESRT, (HighPreservingBlock,), tiles=_esrt_tiles, largest_whole=60_000),
    Family("grl", "GRL", GRLSettings, GRL, (GRLBlock,), tiles=_grl_tiles, halved_by_bf16=False),
    Family("lmd-vit", "LMD-ViT", LMDViTSettings, LMDViT, (LMDViTBlock,), macs=count_all_kept, tiles=_lmd_vit_tiles),
    Family("edsr", "EDSR", EDSRSettings, EDSR, (ResidualBlock,)),
    Family("rdn", "RDN", RDNSettings, RDN, (ResidualDenseBlock,)),
    Family("carn", "CARN", CARNSettings, CARN, (CARNUnit, EfficientUnit)),
    Family(
        "ghost",
        "GhostSR",
        GhostNetworkSettings,
        GhostNetwork,
        (ResidualBlock, ResidualDenseBlock, CARNUnit, EfficientUnit),
    ),
)


def settings_of(model: nn.Module) -> ModelSettings:
    """The settings that a network of any family was built from."""
    settings: ModelSettings = cast(Any, model).settings
    return settings


def family_of(settings: ModelSettings) -> Family:
    """The family that settings belong to."""
    return next(family for family in FAMILIES if family.name == settings.family)


def tiles_for(settings: ModelSettings, side: int | None = None, overlap: int | None = None) -> Tiles:
    """Tiles of the side and overlap asked for, else of the network's own; the overlap of smaller tiles is smaller.

    Raises:
        UsageError: this network cannot be cut like that.
    """
    own = family_of(settings).tiles(settings)
    side = own.side if side is None else side
    most = side // 2 if side > own.multiple else 0
    return Tiles(side, min(own.overlap, most) if overlap is None else overlap, own.multiple)


def build_network(settings: ModelSettings, variants: Sequence[AnyVariant]) -> nn.Module:
    """The network of some settings that runs `variants`, with random weights from PyTorch's global generator.

    Raises:
        UsageError: the family has no such variants, or the network is one for grey images.
    """
    check_colours(settings)
    check_variants(settings, variants)
    if isinstance(settings, DyNetSettings):
        return DyNet(settings, depth=deepest([each for each in variants if isinstance(each, Variant)]))
    network: nn.Module = family_of(settings).build(settings)
    return network


def default_variants(settings: ModelSettings) -> tuple[AnyVariant, ...]:
    """The variants of a network for which none are named: DyNet's large and small, or the one way to run another."""
    return SHIPPED if isinstance(settings, DyNetSettings) else (WHOLE,)


def check_variants(settings: ModelSettings, variants: Sequence[AnyVariant]) -> None:
    """Whether a family can run variants.

    Raises:
        UsageError: DyNet's are asked of another network, or DyNet is asked for none.
    """
    for variant in variants:
        if isinstance(variant, Variant) != isinstance(settings, DyNetSettings):
            raise UsageError(
                f"variant {variant.name!r}: {family_of(settings).title} cannot run it; variants are DyNet's"
            )


def check_runs(model: nn.Module, variants: Sequence[AnyVariant]) -> None:
    """Whether a network itself can run variants: its family can, and a DyNet that shares no blocks has enough of them.

    Raises:
        UsageError: it cannot.
    """
    check_variants(settings_of(model), variants)
    for variant in variants:
        if isinstance(model, DyNet) and isinstance(variant, Variant):
            model.check_variant(variant)


def check_colours(settings: ModelSettings) -> None:
    """Whether a network takes the pictures there are: in RGB.

    Raises:
        UsageError: it is a GRL for grey images, which `pretrain.models.grl` alone can run.
    """
    colours: int = getattr(settings, "colours", 3)
    if colours != 3:
        raise UsageError(f"model.colours: got {colours}, expected 3: pictures are trained on and restored in RGB")


def scale_of(settings: ModelSettings) -> int:
    """Side of the result per side of the image."""
    return getattr(settings, "scale", 1)


def spares_parameters(settings: ModelSettings, variants: Sequence[AnyVariant]) -> bool:
    """Whether a training step may leave parameters without gradient: in DyNet's unshared control, of which a shallower
    variant runs the first blocks of each level, and in a CARN that can enlarge by more than the scale it is trained
    for."""
    if isinstance(settings, DyNetSettings):
        return not settings.shared and any(variant.repeats != variants[0].repeats for variant in variants)
    dense = settings.network if isinstance(settings, GhostNetworkSettings) else settings
    return isinstance(dense, CARNSettings) and len(dense.scales) > 1


def before_step(model: nn.Module, step: int) -> None:
    """Tells a network that training step `step` (from 0) begins: GhostSR's noise fades by it."""
    if isinstance(model, GhostNetwork):
        model.before_step(step)


def noise_of(model: nn.Module) -> dict[str, float]:
    """For the log, how much noise a network still draws its choices with: {"noise": 1 … 0} of GhostSR, {} of others."""
    return {"noise": model.noise} if isinstance(model, GhostNetwork) else {}


def for_inference(model: nn.Module) -> nn.Module:
    """The network in the form that is fastest at inference, which gives the same pictures: itself, or a copy."""
    return model.frozen() if isinstance(model, GhostNetwork) else model


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """The blocks of a network, see `Family.blocks`."""
    kinds = family_of(settings_of(model)).blocks
    return [part for part in model.modules() if isinstance(part, kinds)]
