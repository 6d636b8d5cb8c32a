"""Large images, DyNet: what do bands of rows save, what do they cost, and how far off are tiles?

    python benchmarks/large_images.py [--parts counted,memory,time,tiles] [--width 48] [--checkpoint PLACE]

- `counted`: the most bytes that tensors hold at a time, untiled and in bands, counted on tensors without content, so
  that any size costs nothing; a photograph of 12 megapixels among them.
- `memory`: the peak resident memory of a process that restores one picture, above what it holds before, untiled and in
  bands of several heights. A process of its own for each, since a peak cannot be taken back.
- `time`: CPU-seconds of both on one thread, in alternating rounds, and the largest difference between their results.
- `tiles`: PSNR of tiled against untiled results, and of both against the clean picture, for a network that removes
  Gaussian noise of σ = 25. Without --checkpoint a narrow one is trained first, for some minutes: how much a
  network looks at the whole image is in its weights.

Memory and time do not depend on the weights and hardly on the repeats, so one application of each block is measured.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from held import Held
from machine import describe
from photographs import mosaic
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from million_ird.metrics import psnr
from pretrain.bands import restore_banded
from pretrain.levels import Picture, to_unit
from pretrain.memory import banded_peak_bytes, peak_bytes
from pretrain.models.dynet import DyNet, DyNetSettings
from pretrain.models.pretrained import from_pretrained
from pretrain.models.variants import Variant
from pretrain.restore import Restorer, RestoreSettings

ONCE = Variant.of("once", (1, 1, 1, 1))
TRAINED = Variant.of("trained", (1, 1, 1, 2))
BAND_ROWS = (16, 32, 64)
COUNTED = ((512, 512), (1024, 1024), (3000, 4000))
TILES = ((64, 8), (64, 32), (128, 16), (128, 32), (128, 64), (256, 32))
"""(side, overlap)."""
SIGMA = 25 / 255
_STEPS, _BATCH, _CROP = 600, 4, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", default="counted,memory,time,tiles")
    parser.add_argument("--width", type=int, default=48, help="of the network for memory and time")
    parser.add_argument("--sides", default="512,768", help="of the square pictures for memory and time")
    parser.add_argument("--checkpoint", default="", help="a denoiser for `tiles`; its first variant is taken")
    parser.add_argument("--peak", nargs=2, type=int, metavar=("SIDE", "ROWS"), help="one measurement of memory")
    arguments = parser.parse_args()
    if arguments.peak:
        print(_peak_mb(arguments.width, *arguments.peak))
        return
    print(describe(), f"PyTorch {torch.__version__}")
    sides = [int(side) for side in arguments.sides.split(",")]
    parts: dict[str, Callable[[], None]] = {
        "counted": lambda: _counted(arguments.width),
        "memory": lambda: _memory(arguments.width, sides),
        "time": lambda: _time(arguments.width, sides[0]),
        "tiles": lambda: _tiles(arguments.checkpoint),
    }
    for part in arguments.parts.split(","):
        print(f"\n{part}")
        parts[part]()


def _network(width: int) -> DyNet:
    torch.manual_seed(0)
    return DyNet(DyNetSettings(width=width)).eval()


def _counted(width: int) -> None:
    print("picture | rows of a band | GB | bytes a pixel | estimated for mode auto, GB | untiled / banded")
    for height, across in COUNTED:
        untiled = 0
        for rows in (0, *BAND_ROWS):
            with FakeTensorMode():
                model, image = _network(width), torch.empty(1, 3, height, across)
                with Held() as held:
                    _run(model, image, rows)
            untiled = untiled or held.peak
            estimate = _estimated(model.settings, height, across, rows) / 1e9
            columns = f"{held.peak / 1e9:.2f} | {held.peak / height / across:,.0f} | {estimate:.2f}"
            print(f"{across}×{height} | {rows or 'untiled'} | {columns} | {untiled / held.peak:.1f}", flush=True)


def _estimated(settings: DyNetSettings, height: int, width: int, rows: int) -> int:
    return banded_peak_bytes(settings, height, width, rows) if rows else peak_bytes(settings, height, width)


def _memory(width: int, sides: list[int]) -> None:
    print("picture | rows of a band | peak MB above the start | estimated for mode auto | untiled / banded")
    for side in sides:
        untiled = 0.0
        for rows in (0, *BAND_ROWS):
            command = [sys.executable, __file__, "--width", str(width), "--peak", str(side), str(rows)]
            peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            untiled = untiled or peak
            estimate = _estimated(DyNetSettings(width=width), side, side, rows) / 2**20
            print(f"{side}² | {rows or 'untiled'} | {peak:,.0f} | {estimate:,.0f} | {untiled / peak:.1f}", flush=True)


def _peak_mb(width: int, side: int, rows: int) -> float:
    """MiB that one restoration takes at most, beyond what the process has taken before."""
    model, image = _network(width), torch.rand(1, 3, side, side)
    _run(model, torch.rand(1, 3, 64, 64), rows)  # libraries, threads and kernels are loaded now
    before = _resident_mb()
    _run(model, image, rows)
    return _resident_mb() - before


def _resident_mb() -> float:
    """The most that this process ever held (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _run(model: DyNet, image: Tensor, rows: int) -> Tensor:
    if rows:
        return restore_banded(model, image, ONCE, rows)
    with torch.no_grad():
        result: Tensor = model(image, ONCE)
    return result


def _time(width: int, side: int, rounds: int = 3) -> None:
    torch.set_num_threads(1)
    model, image = _network(width), torch.rand(1, 3, side, side)
    exact = _run(model, image, 0)
    print(f"picture {side}²; rows of a band | CPU s, minimum (median) | banded / untiled | largest difference")
    spent: dict[int, list[float]] = {rows: [] for rows in (0, *BAND_ROWS)}
    off = dict.fromkeys(spent, 0.0)
    for _ in range(rounds):
        for rows, seconds in spent.items():
            started = time.process_time()
            result = _run(model, image, rows)
            seconds.append(time.process_time() - started)
            off[rows] = float((result - exact).abs().max())
    for rows, seconds in spent.items():
        ratio = statistics.median(mine / whole for mine, whole in zip(seconds, spent[0], strict=True))
        least, middle = min(seconds), statistics.median(seconds)
        print(f"{rows or 'untiled'} | {least:.1f} ({middle:.1f}) | {ratio:.2f} | {off[rows]:.1e}", flush=True)


def _tiles(checkpoint: str) -> None:
    torch.set_num_threads(1)
    model, variant = _denoiser(checkpoint)
    print("picture | tile, overlap | tiled against untiled, dB | noisy / tiled / untiled against clean, dB")
    for seed in (1, 2, 3):
        clean = to_unit(mosaic(1000 + seed, 480, 352))
        noise = np.random.default_rng(seed).standard_normal(clean.shape, np.float32)
        noisy: Picture = clean + np.float32(SIGMA) * noise
        untiled = Restorer(model, variant, RestoreSettings(mode="whole"))(noisy).clip(0, 1)
        for side, overlap in TILES:
            tiled = Restorer(model, variant, RestoreSettings(mode="tiled", tile=side, overlap=overlap))(noisy).clip(
                0, 1
            )
            against = " / ".join(f"{psnr(picture, clean, 1.0):.2f}" for picture in (noisy.clip(0, 1), tiled, untiled))
            print(f"{seed} | {side}, {overlap} | {psnr(tiled, untiled, 1.0):.1f} | {against}", flush=True)


def _denoiser(checkpoint: str) -> tuple[DyNet, Variant]:
    if checkpoint:
        pretrained = from_pretrained(Path(checkpoint))
        return pretrained.model, pretrained.variant()
    print(f"(training width 16, {_STEPS} steps of {_BATCH} crops of {_CROP}²)", flush=True)
    model, random = DyNet(DyNetSettings(width=16, refinement=1)).train(), np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    photographs = [to_unit(mosaic(seed, 640, 640)) for seed in range(8)]
    for _ in range(_STEPS):
        clean = torch.from_numpy(np.stack([_crop(photographs, random) for _ in range(_BATCH)])).permute(0, 3, 1, 2)
        noisy = clean + SIGMA * torch.from_numpy(random.standard_normal(clean.shape, np.float32))
        optimizer.zero_grad()
        functional.l1_loss(model(noisy, TRAINED), clean).backward()
        optimizer.step()
    return model.eval(), TRAINED


def _crop(photographs: list[Picture], random: np.random.Generator) -> Picture:
    picture = photographs[random.integers(len(photographs))]
    y, x = random.integers(0, np.array(picture.shape[:2]) - _CROP + 1)
    return picture[y : y + _CROP, x : x + _CROP]


if __name__ == "__main__":
    main()
