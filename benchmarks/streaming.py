"""How fast do crops come out of the shards, and what does a second crop of the same patch cost in worth?

Every side reads the same 512² JPEG patches and gives batches of 32 crops of 128², turned by one of eight, as torch
tensors uint8 (32, 3, 128, 128), endlessly, shuffled, in one process without workers. Nothing is corrupted.

    bare limit             pread of the patch at a known place in its tar, decode of a random rectangle from the
                           restart intervals that show it; not turned, no batch
    bare, markers ignored  the same from the file's beginning, as where other tools made the patches
    this                   our stream: every patch's checksum verified, decode of the rectangle
    this, no extension     the same where neither our extension nor libturbojpeg 3 is there: the intervals as wide as
                           the patch, slice
    webdataset             WebDataset(tars).shuffle(1000), full decode, slice
    LitData                StreamingDataset over its own optimised copy, shuffled, full decode, slice
    MosaicML               StreamingDataset over its own MDS copy, shuffled, full decode, slice

The tars hold a .jpg and a .json for each patch, as a dataset of `million-ird build` does; the copies of LitData and
MosaicML the JPEGs alone. The others decode with simplejpeg, the fastest decoder we know, and turn with OpenCV, as we
do. CPU-seconds are user + system of the process and its children, after a warm-up. Sides alternate.

Then our stream with 1, 2 and 4 crops for each decode, and what that costs: ρ, the correlation of the gradients of two
crops of one patch. A gradient averaged over many samples has the variance of one over 1 / (1 + (m - 1) ρ) as many
independent ones. It is measured on a small denoiser after 400 steps on the default corruption, its gradients divided
by their root mean square per weight, as Adam does; ± is the standard error over groups of patches.

Targets: this / webdataset ≥ 2, this / bare limit ≥ 0.85.

    python benchmarks/streaming.py                        # mosaics; installs LitData and MosaicML apart (6 GB, minutes)
    python benchmarks/streaming.py --photos FOLDER --others other/bin/python
    python benchmarks/streaming.py --others none          # without those two
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CROP, SIDE, BATCH = 128, 512, 32
WARM_UP = 10 * BATCH
PREPARE = "prepare"
OURS = (
    "bare limit",
    "bare, markers ignored",
    "this",
    "this, no extension",
    "this, 2 crops",
    "this, 4 crops",
    "webdataset",
)
OTHERS = ("LitData", "MosaicML")
OTHER_PACKAGES = ("litdata", "mosaicml-streaming", "opencv-python-headless", "simplejpeg")


def main() -> None:
    """Run the comparison and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="searched for JPEG photographs, with its subfolders")
    parser.add_argument("--patches", type=int, default=960, help="patches to use (default 960)")
    parser.add_argument("--samples", type=int, default=1920, help="timed samples of each side and round (default 1920)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--others", metavar="PYTHON", help="an interpreter with LitData and MosaicML Streaming; none")
    options = parser.parse_args()
    import machine
    from patches import describe, make_patches, write_tars

    from million_ird.jpeg.region import region_decoder

    patches = make_patches(options.photos, options.patches)
    print(f"{machine.describe()}; load {os.getloadavg()[0]:.1f}\n{describe(patches)}; {region_decoder()}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tars").mkdir()
        write_tars(patches, folder / "tars", 4)
        python = options.others or _install_others(folder / "environment")
        sides = [*OURS, *(_prepare_others(python, folder) if python != "none" else [])]
        each: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(options.rounds):
            for side in sides:
                interpreter = python if side in OTHERS else sys.executable
                each[side].append(_rate(interpreter, side, folder, options.samples))
        _print_speed(each)
    _print_crops(each, patches)


def _print_speed(each: dict[str, list[float]]) -> None:
    print(f"\n{'':24}{'samples per CPU second':>24}{'':>12}{'/ webdataset':>14}{'/ bare limit':>14}")
    print(f"{'':24}{'best':>24}{'median':>12}{'median':>14}{'median':>14}")
    for side, rates in each.items():
        if "crops" not in side:
            middle = statistics.median(rates)
            ratios = (middle / statistics.median(each[base]) for base in ("webdataset", "bare limit"))
            print(f"{side:24}{max(rates):>24.0f}{middle:>12.0f}" + "".join(f"{ratio:>14.2f}" for ratio in ratios))
    print("targets: this / webdataset ≥ 2, this / bare limit ≥ 0.85")


def _print_crops(each: dict[str, list[float]], patches: list[bytes]) -> None:
    correlation, error = gradient_correlation(patches)
    print(f"\nρ of the gradients of two crops of a patch: {correlation:.3f} ± {error:.3f}")
    print(f"{'crops per patch':16}{'samples/s':>12}{'worth of one':>14}{'independent samples/s':>24}")
    for crops, side in ((1, "this"), (2, "this, 2 crops"), (4, "this, 4 crops")):
        rate, worth = statistics.median(each[side]), 1 / (1 + (crops - 1) * correlation)
        print(f"{crops:<16}{rate:>12.0f}{worth:>14.2f}{rate * worth:>24.0f}")


def _rate(python: str, side: str, folder: Path, samples: int) -> float:
    """Samples a CPU-second, in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    result = subprocess.run(
        [python, "-P", __file__, side, str(folder), str(samples)], capture_output=True, text=True, env=environment
    )
    if result.returncode:
        raise SystemExit(f"{side} failed:\n{result.stderr[-3000:]}")
    return float(json.loads(result.stdout.splitlines()[-1]))


def run_side(side: str, folder: Path, samples: int) -> None:
    """The child: times one side and prints its samples a CPU-second."""
    batches = _SIDES[side](folder)
    _take(batches, WARM_UP)
    start = _cpu_s()
    taken = _take(batches, samples)
    print(json.dumps(taken / (_cpu_s() - start)), flush=True)
    os._exit(0)  # the threads of the others need not be waited for


def _take(batches: Iterator[int], samples: int) -> int:
    taken = 0
    while taken < samples:
        taken += next(batches)
    return taken


def _cpu_s() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _bare(folder: Path, markers: bool = True) -> Iterator[int]:
    import numpy as np

    from million_ird.jpeg.region import decode_region, find_region_decoder
    from million_ird.patches import Box
    from million_ird.shards import scan

    random = np.random.default_rng(0)
    decode = decode_region if markers else find_region_decoder().decode
    members = []
    for tar in sorted((folder / "tars").glob("*.tar")):
        with tar.open("rb") as file:
            descriptor = os.open(tar, os.O_RDONLY)
            members += [(descriptor, offset, size) for name, offset, size in scan(file) if name.endswith(".jpg")]
    while True:
        places = random.integers(0, SIDE - CROP + 1, (len(members), 2)).tolist()
        for index, (x, y) in zip(random.permutation(len(members)).tolist(), places, strict=True):
            descriptor, offset, size = members[index]
            decode(os.pread(descriptor, size, offset), SIDE, SIDE, Box(x, y, CROP, CROP))
            yield 1


def _this(folder: Path, crops: int = 1, extension: bool = True) -> Iterator[int]:
    import cv2

    from million_ird.jpeg import region
    from pretrain.stream.settings import HoldoutSettings, StreamSettings
    from pretrain.stream.stream import open_stream

    cv2.setNumThreads(1)
    if not extension:
        region.find_region_decoder = region.WholeDecoder  # type: ignore[assignment, misc]
    settings = StreamSettings(
        crop=CROP, crops_per_patch=crops, workers=0, cache=str(folder / "cache"), holdout=HoldoutSettings(fraction=0.0)
    )
    for batch in open_stream([str(folder / "tars")], settings, 0, untouched).loader(BATCH):
        yield len(batch)


class Untouched:
    """A sample that nothing was done to."""

    def __init__(self, crop: Any) -> None:
        import numpy as np

        self.input = crop
        self.degraded = self.masked = np.zeros((8, 8), np.bool_)
        self.kinds = np.zeros((8, 8), np.uint8)


def untouched(crop: Any, rng: Any) -> Any:
    """Degrades nothing."""
    return Untouched(crop)


def _webdataset(folder: Path) -> Iterator[int]:
    import webdataset

    tars = sorted(str(tar) for tar in (folder / "tars").glob("*.tar"))
    crop = _Slicer()
    dataset = webdataset.WebDataset(tars, shardshuffle=4, seed=0).repeat().shuffle(1000)
    yield from _batches(dataset.map(lambda sample: crop(sample["jpg"])))


def _litdata(folder: Path) -> Iterator[int]:
    from litdata import StreamingDataset

    dataset = StreamingDataset(str(folder / "litdata"), shuffle=True, transform=_Slicer())
    while True:
        yield from _batches(dataset)


def _mosaic(folder: Path) -> Iterator[int]:
    from streaming import StreamingDataset

    crop = _Slicer()

    class Patches(StreamingDataset):
        def __getitem__(self, at: Any) -> Any:
            return crop(super().__getitem__(at)["jpg"])

    dataset = Patches(local=str(folder / "mosaic"), shuffle=True, batch_size=BATCH)
    while True:
        yield from _batches(dataset)


class _Slicer:
    """A full decode, and a random square of it in one of eight orientations: uint8 (3, CROP, CROP)."""

    def __init__(self) -> None:
        import cv2
        import numpy as np

        cv2.setNumThreads(1)
        self._random = np.random.default_rng(0)

    def __call__(self, data: bytes) -> Any:
        import cv2
        import numpy as np
        import simplejpeg

        pixels = simplejpeg.decode_jpeg(data, "RGB")
        x, y = (int(self._random.integers(0, SIDE - CROP + 1)) for _ in range(2))
        turn = int(self._random.integers(8))
        crop = pixels[y : y + CROP, x : x + CROP]
        crop = cv2.transpose(crop) if turn & 4 else crop
        crop = cv2.flip(crop, (0, 1, -1)[turn % 4 - 1]) if turn & 3 else crop
        return np.ascontiguousarray(crop.transpose(2, 0, 1))


def _batches(dataset: Any) -> Iterator[int]:
    from torch.utils.data import DataLoader

    for batch in DataLoader(dataset, batch_size=BATCH, num_workers=0):
        yield len(batch)


_SIDES: dict[str, Any] = {
    "bare limit": _bare,
    "bare, markers ignored": lambda folder: _bare(folder, markers=False),
    "this": _this,
    "this, no extension": lambda folder: _this(folder, extension=False),
    "this, 2 crops": lambda folder: _this(folder, 2),
    "this, 4 crops": lambda folder: _this(folder, 4),
    "webdataset": _webdataset,
    "LitData": _litdata,
    "MosaicML": _mosaic,
}


def _install_others(folder: Path) -> str:
    """An interpreter with the others, or "none" with a line that says why."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", *OTHER_PACKAGES]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        return python
    print(f"{' and '.join(OTHERS)} do not install here: {result.stderr.strip().splitlines()[-1]}", flush=True)
    return "none"


def _prepare_others(python: str, folder: Path) -> list[str]:
    """Lets each of the others copy the patches into its own format; those that can."""
    ready = []
    for side in OTHERS:
        command = [python, "-P", __file__, PREPARE, side, str(folder)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode == 0:
            ready.append(side)
        else:
            print(f"{side} does not work here: {(result.stderr.strip().splitlines() or ['?'])[-1]}", flush=True)
    return ready


def prepare(side: str, folder: Path) -> None:
    """The child: writes one of the others' copies."""
    patches = list(_members(folder / "tars"))
    if side == "LitData":
        from litdata import optimize

        optimize(
            fn=_itself,
            inputs=patches,
            output_dir=str(folder / "litdata"),
            chunk_bytes="64MB",
            num_workers=1,
            verbose=False,
        )
    else:
        from streaming import MDSWriter

        with MDSWriter(out=str(folder / "mosaic"), columns={"jpg": "bytes"}) as writer:
            for patch in patches:
                writer.write({"jpg": patch})


def _itself(patch: bytes) -> bytes:
    return patch


def _members(tars: Path) -> Iterator[bytes]:
    import tarfile

    for path in sorted(tars.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None and member.name.endswith(".jpg"):
                    yield file.read()


def gradient_correlation(patches: list[bytes], count: int = 400, steps: int = 400) -> tuple[float, float]:
    """ρ and its standard error; see the head of this file."""
    import numpy as np
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 24, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(24, 24, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(24, 3, 3, padding=1),
    )
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for step in range(steps):
        optimizer.zero_grad()
        for part in range(4):
            _loss(net, patches[(4 * step + part) % len(patches)], 10**6 + 4 * step + part).backward()
        optimizer.step()
    rows = []
    for number, patch in enumerate(patches[:count]):
        for crop in range(2):
            net.zero_grad()
            _loss(net, patch, 2 * number + crop).backward()
            rows.append(torch.cat([weight.grad.flatten() for weight in net.parameters()]).numpy())
    gradients = np.array(rows, np.float64).reshape(-1, 2, len(rows[0]))
    size = np.sqrt((gradients**2).mean(axis=(0, 1)))
    gradients = gradients[..., size > 0] / size[size > 0]  # weights of units that are never active have none
    groups = [_correlation(np.delete(gradients, slice(start, None, 10), axis=0)) for start in range(10)]
    error = float(np.sqrt(9 / 10 * np.sum((np.array(groups) - np.mean(groups)) ** 2)))  # jackknife
    return _correlation(gradients), error


def _correlation(gradients: Any) -> float:
    """Of (patches, 2, weights): covariance of the two crops of a patch / variance of one, summed over the weights."""
    import numpy as np

    centred = gradients - gradients.mean(axis=(0, 1))
    same = (centred[:, 0] * centred[:, 1]).sum(axis=1).mean()
    return float(same / np.square(centred).sum(axis=2).mean())


def _loss(net: Any, patch: bytes, seed: int) -> Any:
    """L1 of one crop with the default corruption and masks."""
    import numpy as np
    import torch

    from pretrain.corrupt import CorruptSettings, degrade
    from pretrain.crop import random_crop
    from pretrain.masking import MaskSettings

    rng = np.random.default_rng(seed)
    clean = random_crop(patch, "jpg", SIDE, SIDE, 1, CROP, rng)
    made = degrade(clean, rng, CorruptSettings(), MaskSettings())
    x, y = (torch.from_numpy(picture.transpose(2, 0, 1).copy())[None] / 255 for picture in (made.input, clean))
    return (x + net(x) - y).abs().mean()


if __name__ == "__main__":
    if sys.argv[1:2] == [PREPARE]:
        prepare(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] and sys.argv[1] in _SIDES:
        run_side(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
