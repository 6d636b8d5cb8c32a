"""How much memory a network takes to restore a picture, estimated from above, and how much there is."""

from __future__ import annotations

from pathlib import Path

import torch

from pretrain.models.carn import CARNSettings
from pretrain.models.dynet import DyNetSettings
from pretrain.models.edsr import EDSRSettings
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import ModelSettings
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.grl.settings import GRLSettings
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.rdn import RDNSettings
from pretrain.step import Precision

_SAFETY = 1.4
"""Memory is fragmented, and convolutions need work space: the share above what the tensors hold."""
_CGROUP = Path("/sys/fs/cgroup")


def peak_bytes(settings: ModelSettings, height: int, width: int, precision: Precision = "fp32") -> int:
    """About how many bytes it takes at most to restore one picture of (height, width) at once, weights aside; from
    above.

    Counted in the widest place of each network by `benchmarks/large_images.py`, whose page is docs/large_images.md.
    Attention is fused and never holds the products of all pairs; GRL computes it in float32 whatever the precision.
    """
    held = _held(settings, height, width)
    return int(_SAFETY * held * (2 if precision == "bf16" and not isinstance(settings, GRLSettings) else 4))


def banded_peak_bytes(
    settings: DyNetSettings, height: int, width: int, band_rows: int, precision: Precision = "fp32"
) -> int:
    """The same in bands of rows: what the widest place holds is held for a band and its context only, and for the whole
    picture what decoder level 1 is joined from and the joined."""
    rows = min(height, band_rows + 4)
    held = (_dynet(settings) * rows + (4 * settings.width + 12) * height) * width
    return int(_SAFETY * held * (2 if precision == "bf16" else 4))


def _held(settings: ModelSettings, height: int, width: int) -> float:
    """Numbers that tensors hold at a time."""
    pixels = height * width
    match settings:
        case GhostNetworkSettings():  # a frozen ghost layer joins what a dense one makes: one more set of channels
            return _held(settings.network, height, width) + settings.network.width * pixels
        case DyNetSettings():
            return _dynet(settings) * pixels
        case EDSRSettings():
            return settings.width * _enlarging(settings.scale) * pixels
        case RDNSettings():
            return _rdn(settings) * pixels
        case CARNSettings():  # in the last block: what it and the network have gathered, joined and to be joined
            return settings.width * max(13, _enlarging(settings.scale)) * pixels
        case ESRTSettings():  # the transformer's tokens: a pixel is nine times its channels
            return settings.width * max(52 + settings.blocks, _enlarging(settings.scale) + 4) * pixels
        case LMDViTSettings():  # all windows kept, in full resolution
            return 42 * settings.width * _padded(height, settings.multiple) * _padded(width, settings.multiple)
        case GRLSettings():
            padded = _padded(height, settings.multiple) * _padded(width, settings.multiple)
            return _grl(settings) * padded + 2 * _grl_pairs(settings)


def _dynet(settings: DyNetSettings) -> float:
    """A pixel of the feed-forward of decoder level 1 (2 · `width` channels): six times its hidden channels, and q, k
    and v besides."""
    return 6 * int(2 * settings.width * settings.expansion) + 16 * settings.width


def _enlarging(scale: int) -> float:
    """Times its channels that a pixel takes while it becomes scale² pixels, the last time of perhaps two: channels
    before and after they are turned into pixels, and what went in."""
    return 2 * scale**2 + 2


def _rdn(settings: RDNSettings) -> float:
    blocks = settings.blocks * settings.width
    last_block = 2 * settings.width + 2 * (settings.width + settings.layers * settings.growth)
    return max(
        blocks + last_block, 2 * blocks + 3 * settings.width, blocks + settings.width * _enlarging(settings.scale)
    )


def _grl(settings: GRLSettings) -> float:
    """A pixel of a block, or of an upsampler in steps, which has 64 channels."""
    in_steps = settings.upsampler in ("shuffle", "nearest")
    return max(18 * settings.width, 64 * (_enlarging(settings.scale) + 4) if in_steps else 0)


def _grl_pairs(settings: GRLSettings) -> float:
    """The larger table of biases of all pairs; held twice, since masks are added to it. The picture's size is not in
    it."""
    stripe = settings.stripe[0] * settings.stripe[1]
    return settings.heads * max(settings.window**4, stripe * stripe // settings.anchor_factor**2)


def _padded(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def available_bytes(device: torch.device) -> int:
    """Free memory of a device; of the CPU, what this process may still take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    import psutil

    free = int(psutil.virtual_memory().available)
    limit = _cgroup_number("memory.max")
    return free if limit is None else min(free, limit - (_cgroup_number("memory.current") or 0))


def _cgroup_number(name: str) -> int | None:
    """A number of this process's container (Linux, version 2), which psutil does not see; None if there is none."""
    try:
        text = (_CGROUP / name).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
