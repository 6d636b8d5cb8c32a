"""How much memory a network takes to restore a picture, estimated from above, and how much there is."""

from __future__ import annotations

from pathlib import Path

import torch

from pretrain.models.dynet import DyNetSettings
from pretrain.models.families import ModelSettings, family_of
from pretrain.step import Precision

_SAFETY = 1.4
"""Memory is fragmented, and convolutions need work space: the share above what the tensors hold."""
_CGROUP = Path("/sys/fs/cgroup")


def peak_bytes(settings: ModelSettings, height: int, width: int, precision: Precision = "fp32") -> int:
    """About how many bytes it takes at most to restore one picture of (height, width) at once, weights aside; from
    above.

    What tensors hold was counted in the widest place of each network (`benchmarks/tiled_networks.py --parts memory`,
    docs/large_images.md). Attention is fused and never holds the products of all pairs.
    """
    halved = precision == "bf16" and family_of(settings).halved_by_bf16
    return int(_SAFETY * settings.held(height, width) * (2 if halved else 4))


def banded_peak_bytes(
    settings: DyNetSettings, height: int, width: int, band_rows: int, precision: Precision = "fp32"
) -> int:
    """The same in bands of rows: what the widest place holds is held for a band and its context only, and for the whole
    picture what decoder level 1 is joined from and the joined."""
    rows = min(height, band_rows + 4)
    held = (settings.held_per_pixel * rows + (4 * settings.width + 12) * height) * width
    return int(_SAFETY * held * (2 if precision == "bf16" else 4))


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
