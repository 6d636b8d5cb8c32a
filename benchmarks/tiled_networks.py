"""How far are tiles from the whole picture, network by network, and how near is the estimate of memory?

    python benchmarks/tiled_networks.py [--parts memory,tiles] [--picture FILE] [--checkpoints PLACE …]

- `memory`: the most bytes that tensors hold at a time while one picture is restored, beside what mode `auto` estimates.
  Networks of the literature are counted on tensors without content where that is possible; GRL and LMD-ViT, whose
  operations depend on numbers, on real ones of few pixels, with few blocks (one after the other, they hold no more) and
  all windows kept.
- `tiles`: a photograph restored whole and in tiles of several sides and overlaps: the signal, which is the deviation of
  the whole result from its mean, over the deviation between the two, in dB, and the largest difference. Of random
  weights, which make no picture, that is all that can be said; with --checkpoints, networks that were trained are
  compared by PSNR as well, each on what it was trained for.

Prints tables with the machine, and writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from held import Held
from machine import describe
from photographs import mosaic
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from million_ird.metrics import psnr
from pretrain.degradations import degrade_whole
from pretrain.degradations.resize import cut_to_multiple
from pretrain.evaluate.network_degradations import network_degradations
from pretrain.images import Pixels, read_image
from pretrain.levels import Picture, to_unit
from pretrain.memory import peak_bytes
from pretrain.models.carn import CARNSettings
from pretrain.models.dynet import DyNetSettings
from pretrain.models.edsr import EDSRSettings, baseline
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import (
    ModelSettings,
    build_network,
    default_variants,
    for_inference,
    settings_of,
    tiles_for,
)
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.grl.settings import preset
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.pretrained import from_pretrained
from pretrain.models.rdn import RDNSettings
from pretrain.models.variants import AnyVariant
from pretrain.restore import Restorer, RestoreSettings

SHALLOW_VIT = LMDViTSettings(depths=(1,) * 9)
COUNTED: dict[str, tuple[ModelSettings, int]] = {
    "DyNet": (DyNetSettings(), 1024),
    **{f"EDSR ×{scale}": (EDSRSettings(scale), 1024) for scale in (2, 3, 4)},
    **{f"RDN ×{scale}": (RDNSettings(scale), 1024) for scale in (2, 4)},
    **{f"CARN ×{scale}": (CARNSettings(scale), 1024) for scale in (2, 4)},
    **{f"ESRT ×{scale}": (ESRTSettings(scale=scale), 512) for scale in (2, 4)},
    "GhostSR of EDSR ×2": (GhostNetworkSettings(network=baseline(2)), 256),
    "GRL tiny ×4": (dataclasses.replace(preset("tiny", "sr", 4), depths=(4,)), 128),
    "GRL small ×4": (dataclasses.replace(preset("small", "sr", 4), depths=(4,)), 128),
    "GRL base ×4": (dataclasses.replace(preset("base", "sr", 4), depths=(4,)), 64),
    "GRL tiny, noise": (dataclasses.replace(preset("tiny", "dn"), depths=(4,)), 128),
    "GRL tiny, JPEG": (dataclasses.replace(preset("tiny", "jpeg"), depths=(4,)), 144),
    "LMD-ViT": (SHALLOW_VIT, 256),
}
"""Settings, and the side of the picture."""
REAL = ("GRL", "LMD-ViT", "GhostSR")
COMPARED: dict[str, tuple[ModelSettings, tuple[tuple[int, int], ...]]] = {
    "EDSR-baseline ×2": (baseline(2), ((96, 0), (96, 16), (96, 32), (96, 48))),
    "RDN ×2, 4 blocks": (RDNSettings(2, blocks=4), ((96, 16), (96, 32), (96, 48))),
    "CARN ×2": (CARNSettings(2), ((96, 16), (96, 32), (96, 48))),
    "GhostSR of EDSR-baseline ×2": (GhostNetworkSettings(network=baseline(2)), ((96, 16), (96, 32), (96, 48))),
    "ESRT ×4": (ESRTSettings(scale=4), ((48, 20), (96, 20), (96, 40), (128, 20))),
    "GRL tiny ×4, 2 × 4 blocks": (
        dataclasses.replace(preset("tiny", "sr", 4), depths=(4, 4)),
        ((64, 0), (128, 32), (128, 64)),
    ),
    "LMD-ViT, width 8, 1 block a stage": (
        LMDViTSettings(width=8, depths=(1,) * 9, heads=(1,) * 9),
        ((128, 0), (256, 64), (256, 128)),
    ),
}
"""Settings, and (side, overlap) of tiles."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", default="memory,tiles")
    parser.add_argument("--picture", type=Path, help="a photograph for `tiles`; else a mosaic of some")
    parser.add_argument("--most", type=int, default=256, metavar="PIXELS", help="of its sides, cut around the centre")
    parser.add_argument("--checkpoints", nargs="*", default=[], metavar="PLACE", help="trained networks, for `tiles`")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(describe(), f"PyTorch {torch.__version__}")
    parts: dict[str, Callable[[], None]] = {
        "memory": _memory,
        "tiles": lambda: _tiles(_photograph(arguments.picture, arguments.most), arguments.checkpoints),
    }
    for part in arguments.parts.split(","):
        print(f"\n{part}")
        parts[part]()


def _memory() -> None:
    print("network | picture | held, MB | bytes a pixel | estimated, MB | estimated / held")
    for name, (settings, side) in COUNTED.items():
        held = _held(settings, side, real=name.startswith(REAL))
        estimate = peak_bytes(settings, side, side)
        cells = f"{held / 1e6:,.0f} | {held / side**2:,.0f} | {estimate / 1e6:,.0f} | {estimate / held:.2f}"
        print(f"{name} | {side}² | {cells}", flush=True)


@torch.no_grad()
def _held(settings: ModelSettings, side: int, real: bool) -> int:
    if real:
        model, variant = _network(settings)
        image, more = torch.rand(1, 3, side, side), {}
        if isinstance(settings, LMDViTSettings):
            more = {"decisions": [torch.ones(1, *grid, dtype=torch.bool) for grid in model.grids(side, side)]}
        model(image, **variant.arguments, **more)  # what is kept from one picture to the next is there now
        return _peak(model, image, {**variant.arguments, **more})
    with FakeTensorMode():
        model, variant = _network(settings)
        return _peak(model, torch.empty(1, 3, side, side), variant.arguments)


def _peak(model: nn.Module, image: Tensor, arguments: dict[str, Any]) -> int:
    with Held(model) as held:
        model(image, **arguments)
    return held.peak


def _network(settings: ModelSettings) -> tuple[Any, AnyVariant]:
    torch.manual_seed(0)
    variants = default_variants(settings)
    return for_inference(build_network(settings, variants).eval()), variants[0]


def _photograph(file: Path | None, most: int) -> Pixels:
    pixels = mosaic(1, 400, 400) if file is None else read_image(file)
    assert isinstance(pixels, np.ndarray), f"{file} is no picture"
    top, left = (max(0, (length - most) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + most, left : left + most])


def _tiles(clean: Pixels, checkpoints: list[str]) -> None:
    print(f"a picture of {clean.shape[1]} × {clean.shape[0]}")
    print("network | weights | input | tile, overlap | signal / difference, dB | largest, of 255 | PSNR tiled / whole")
    for name, (settings, tiles) in COMPARED.items() if not checkpoints else ():
        model, variant = _network(settings)
        seen = to_unit(clean)  # the size decides how many tiles there are, not what is in them
        _compare(f"{name} | random", model, variant, seen, None, tiles)
    for place in checkpoints:
        network = from_pretrained(place)
        degradation = network_degradations(network, place)[0]
        made = degrade_whole(degradation, cut_to_multiple(clean, degradation.scale), "picture")
        own = tuple(_own_tiles(settings_of(network.model)))
        _compare(f"{place} | trained", network.model, network.variant(), to_unit(made.input), made.target, own)


def _own_tiles(settings: ModelSettings) -> Iterator[tuple[int, int]]:
    """Small tiles of the sides that a network allows."""
    multiple = tiles_for(settings).multiple
    for side in (64, 128):
        if side % multiple == 0:
            yield from ((side, overlap) for overlap in (0, 16, 32) if overlap == 0 or side > multiple)


def _compare(
    name: str,
    model: nn.Module,
    variant: AnyVariant,
    seen: Picture,
    clean: Pixels | None,
    tiles: Sequence[tuple[int, int]],
) -> None:
    whole = Restorer(model, variant, RestoreSettings("whole"))(seen)
    for side, overlap in tiles:
        tiled = Restorer(model, variant, RestoreSettings("tiled", side, overlap))(seen)
        difference = float(np.sqrt(np.mean(np.square(tiled - whole))))
        ratio = 20 * math.log10(float(whole.std()) / difference) if difference else math.inf
        largest = 255 * float(np.abs(tiled - whole).max() / (np.abs(whole).max() if clean is None else 1))
        judged = "–"
        if clean is not None:
            judged = " / ".join(f"{psnr(each.clip(0, 1), clean / 255, 1.0):.2f}" for each in (tiled, whole))
        size = f"{seen.shape[1]} × {seen.shape[0]}"
        print(f"{name} | {size} | {side}, {overlap} | {ratio:.1f} | {largest:.2g} | {judged}", flush=True)


if __name__ == "__main__":
    main()
