"""What do the screens cost, against one decode of the same photograph?

Every photograph is re-encoded as baseline 4:2:0 with standard Huffman tables at quality 90 (`--quality 0` takes the
files as they are). Then, in alternating rounds of process CPU time on one thread, as ratios to one full decode by
simplejpeg, the fastest decoder measured:

    cheap      all cheap screens together, the luma they share included
    …          each screen alone, on a photograph whose luma is ready; the costly ones are budgeted one by one

Target: cheap ≤ 1.0 × decode from 12 megapixels on.

    OPENBLAS_NUM_THREADS=1 python benchmarks/screens.py FOLDER  # JPEG files of at least 12 megapixels, the largest 6
    OPENBLAS_NUM_THREADS=1 python benchmarks/screens.py         # photographs of the wheels, tiled
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import machine
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from million_ird.pixels import DecodeSettings, Header, read_header
from million_ird.records import Rejection
from million_ird.screens import SCREENS, Photo, measure_all

Pixels = npt.NDArray[np.uint8]

_WHEEL_PHOTOS = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/coffee.png"),
)
_CHEAP = [screen for screen in SCREENS if screen.cost == "cheap"]


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="searched for JPEG photographs, with its subfolders")
    parser.add_argument("--megapixels", type=float, default=12.0, help="the smallest photograph to take (default 12)")
    parser.add_argument("--photos", type=int, default=6, help="how many, the largest first (default 6)")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds per photograph (default 7)")
    parser.add_argument("--quality", type=int, default=90, help="of the re-encoding; 0 for none (default 90)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    sources = _photos(options.folder, options.megapixels, options.photos) if options.folder else _tiled(options)
    print(machine.describe())
    costs: dict[str, list[float]] = {}
    print(f"\n{'photograph':32} {'MP':>5} {'bit/px':>6} {'decode MP/s':>11} {'cheap':>6}")
    for name, data, pixels in sources:
        if options.quality:
            data = simplejpeg.encode_jpeg(pixels, quality=options.quality, colorsubsampling="420")
        rows = _time(data, options.rounds)
        for label, ratio in rows.items():
            costs.setdefault(label, []).append(ratio)
        megapixels = pixels.shape[0] * pixels.shape[1] / 1e6
        speed = megapixels / rows["decode seconds"]
        bits = 8 * len(data) / (megapixels * 1e6)
        print(f"{name[:32]:32} {megapixels:5.1f} {bits:6.2f} {speed:11.0f} {rows['cheap']:6.2f}")
    print(f"\n{'screen':20} {'cost':7} {'x decode: median':>17} {'worst':>6}")
    kinds = {screen.name: screen.cost for screen in SCREENS}
    for label in ["cheap", "luma", *kinds]:
        print(f"{label:20} {kinds.get(label, ''):7} {statistics.median(costs[label]):17.3f} {max(costs[label]):6.3f}")


def _time(data: bytes, rounds: int) -> dict[str, float]:
    """Ratios to the decode, medians of interleaved rounds, and the decode's seconds."""
    header = read_header(data, DecodeSettings())
    assert isinstance(header, Header), header
    rgb = simplejpeg.decode_jpeg(data)

    def ready() -> Photo:
        photo = Photo(header, data, rgb)
        _ = photo.luma
        return photo

    jobs: dict[str, Callable[[], object]] = {
        "decode": lambda: simplejpeg.decode_jpeg(data),
        "cheap": lambda: measure_all(Photo(header, data, rgb), _CHEAP),
        "luma": ready,
    }
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for label, job in jobs.items():
            seconds.setdefault(label, []).append(_cpu_seconds(job))
        for screen in SCREENS:
            photo = ready()
            seconds.setdefault(screen.name, []).append(_cpu_seconds(lambda s=screen, p=photo: s.value(p)))
    decode = statistics.median(seconds["decode"])
    ratios = {label: statistics.median(values) / decode for label, values in seconds.items()}
    return {**ratios, "decode seconds": decode}


def _cpu_seconds(job: Callable[[], object]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def _photos(folder: Path, megapixels: float, count: int) -> list[tuple[str, bytes, Pixels]]:
    found = []
    for path in sorted(folder.rglob("*.jp*g")):
        data = path.read_bytes()
        header = read_header(data, DecodeSettings())
        if isinstance(header, Rejection) or header.pixels < megapixels * 1e6 or header.is_cmyk:
            continue
        found.append((header.pixels, path.name, data))
    found.sort(key=lambda entry: (-entry[0], entry[1]))
    return [(name, data, simplejpeg.decode_jpeg(data)) for _, name, data in found[:count]]


def _tiled(options: argparse.Namespace) -> list[tuple[str, bytes, Pixels]]:
    """Wheel photographs, repeated with mirroring (no new edges) until they are large enough."""
    tiled = []
    for package, inside in _WHEEL_PHOTOS:
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None, f"{package} is not installed"
        with Image.open(io.BytesIO((Path(spec.origin).parent / inside).read_bytes())) as picture:
            pixels = np.array(picture.convert("RGB"))
        while pixels.shape[0] * pixels.shape[1] < options.megapixels * 1e6:
            axis = 0 if pixels.shape[0] < pixels.shape[1] else 1
            pixels = np.concatenate([pixels, np.flip(pixels, axis)], axis)
        encoded = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=options.quality or 90)
        tiled.append((Path(inside).name, encoded, np.ascontiguousarray(pixels)))
    return tiled


if __name__ == "__main__":
    main()
