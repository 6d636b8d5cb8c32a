"""How many training samples a second does one core make: crop, corruption and masks, from the packed bytes of a patch?

Patches are 512² baseline JPEGs of 62 to 76 KB, 4:2:0, crops 128². A sample is: read the patch out of a tar, decode a
random crop and turn it, draw cells and levels, degrade half of the cells, fill the masked ones. Against it the bare
limit: read, decode the same rectangle, and for the same share of samples one JPEG round trip of the crop, or as much
noise drawn, added and clipped; nothing drawn, turned, moved into cells or masked.

Process CPU time on one thread, alternating rounds, the fastest of each. Target: 700 samples/s.

    python benchmarks/corruption.py                  # mosaics of the wheels' photographs
    python benchmarks/corruption.py --photos FOLDER  # patches cut out of the JPEG files in FOLDER
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import machine
import numpy as np
from patches import SIDE, describe, make_patches, write_tars

from million_ird.jpeg.region import decode_region, region_decoder, region_decoders
from million_ird.patches import Box
from million_ird.settings import from_dict
from million_ird.shards import scan
from pretrain.corrupt import CorruptSettings, degrade, jpeg_round_trip
from pretrain.crop import random_crop
from pretrain.masking import MaskSettings
from pretrain.stream.samples import sample_rng

CROP = 128
MIXTURES = {
    "the default, a third of each": {},
    "JPEG only": {"gaussian_share": 0, "uniform_share": 0},
    "Gaussian noise only": {"jpeg_share": 0, "uniform_share": 0},
    "uniform noise only": {"jpeg_share": 0, "gaussian_share": 0},
    "a kind per cell": {"kind_per": "cell"},
}


@dataclass(frozen=True)
class Members:
    """Where the patches stand in one open tar."""

    descriptor: int
    places: Sequence[tuple[int, int]]

    def read(self, number: int) -> bytes:
        offset, size = self.places[number % len(self.places)]
        return os.pread(self.descriptor, size, offset)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="searched for JPEG photographs, with its subfolders")
    parser.add_argument("--patches", type=int, default=200, help="patches to use (default 200)")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default 7)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    patches = make_patches(options.photos, options.patches)
    print(f"{machine.describe()}; load {os.getloadavg()[0]:.1f}\n{describe(patches)}; {region_decoder()}")
    with tempfile.TemporaryDirectory() as folder:
        (tar,) = write_tars(patches, Path(folder), 1)
        with tar.open("rb") as file:
            members = Members(
                file.fileno(), [(offset, size) for name, offset, size in scan(file) if name.endswith(".jpg")]
            )
            _print_samples(members, options.rounds)
            _print_parts(members, options.rounds)


def _print_samples(members: Members, rounds: int) -> None:
    print(f"\n{'corruption':30}{'samples/s':>10}{'bare limit/s':>14}{'share':>8}")
    tasks: dict[str, Callable[[int], object]] = {}
    for name, values in MIXTURES.items():
        settings = from_dict(CorruptSettings, values)
        tasks[name] = _sample(members, settings)
        tasks[f"bare {name}"] = _bare(members, settings)
    costs = _fastest(tasks, len(members.places), rounds)
    for name in MIXTURES:
        ours, bare = costs[name], costs[f"bare {name}"]
        print(f"{name:30}{1 / ours:>10.0f}{1 / bare:>14.0f}{bare / ours:>8.2f}")
    print("target: 700 samples/s with the default")


def _print_parts(members: Members, rounds: int) -> None:
    crops = [_crop(members, number) for number in range(len(members.places))]
    places = np.random.default_rng(1).integers(0, SIDE - CROP + 1, (len(crops), 2)).tolist()
    boxes = [Box(x, y, CROP, CROP) for x, y in places]
    tasks: dict[str, Callable[[int], object]] = {
        f"decode: {decoder.name}": lambda number, decoder=decoder: decoder.decode(
            members.read(number), SIDE, SIDE, boxes[number]
        )
        for decoder in region_decoders()
    }
    tasks["crop: decode, draw, turn"] = lambda number: _crop(members, number)
    for name, values in MIXTURES.items():
        settings = from_dict(CorruptSettings, values)
        tasks[f"degrade: {name}"] = lambda number, settings=settings: degrade(
            crops[number], sample_rng(0, 0, str(number), 0), settings, MaskSettings()
        )
    for fill in ("white", "mean", "noise"):
        masking = from_dict(MaskSettings, {"fill": fill, "degraded": 0.0})
        tasks[f"masks alone, filled {fill}"] = lambda number, masking=masking: degrade(
            crops[number], sample_rng(0, 0, str(number), 0), CorruptSettings(), masking
        )
    print(f"\n{'part':78}{'µs':>6}")
    for name, cost in _fastest(tasks, len(crops), rounds).items():
        print(f"{name[:77]:78}{1e6 * cost:>6.0f}")


def _sample(members: Members, settings: CorruptSettings) -> Callable[[int], object]:
    masking = MaskSettings()

    def sample(number: int) -> object:
        rng = sample_rng(0, 0, str(number), 0)
        crop = random_crop(members.read(number), "jpg", SIDE, SIDE, 1, CROP, rng)
        return degrade(crop, rng, settings, masking)

    return sample


def _bare(members: Members, settings: CorruptSettings) -> Callable[[int], object]:
    random = np.random.default_rng(0)
    count = len(members.places)
    places = random.integers(0, SIDE - CROP + 1, (count, 2)).tolist()
    jpeg = settings.jpeg_share / sum(settings.shares)
    how = [
        "both" if settings.kind_per == "cell" else "jpeg" if random.random() < jpeg else "noise" for _ in range(count)
    ]
    table = np.rint(25 * random.standard_normal(65536)).astype(np.int16)
    half = CROP * CROP * 3 // 2

    def bare(number: int) -> None:
        x, y = places[number]
        crop = decode_region(members.read(number), SIDE, SIDE, Box(x, y, CROP, CROP))
        if how[number] != "noise":
            jpeg_round_trip(crop, 50, "4:2:0")
        if how[number] != "jpeg":
            drawn = random.integers(0, 2**64, half // 4, np.uint64).view(np.uint16)
            noisy = table.take(drawn)
            noisy += crop.reshape(-1)[:half]
            np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)

    return bare


def _crop(members: Members, number: int) -> np.ndarray:
    return random_crop(members.read(number), "jpg", SIDE, SIDE, 1, CROP, sample_rng(0, 0, str(number), 0))


def _fastest(tasks: dict[str, Callable[[int], object]], count: int, rounds: int) -> dict[str, float]:
    """CPU-seconds of one call of each, the fastest of alternating rounds over the numbers 0 … count - 1."""
    best = dict.fromkeys(tasks, float("inf"))
    for _ in range(rounds + 1):  # one more: the first warms caches and tables
        for name, task in tasks.items():
            start = time.process_time()
            for number in range(count):
                task(number)
            best[name] = min(best[name], (time.process_time() - start) / count)
    return best


if __name__ == "__main__":
    main()
