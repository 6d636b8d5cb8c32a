"""What does cutting a JPEG into patches cost, against decoding it once and against decode → crop → PNG?

Every photograph is re-encoded as baseline 4:2:0 with standard Huffman tables at quality 95 (`--quality 0` takes the
files as they are). Then, in alternating rounds of process CPU time on one thread:

    decode     one full decode by simplejpeg, the fastest decoder measured
    cut        all 512² patches in the coefficient domain, with the flatness of each
    optimised  the same with optimised Huffman tables
    jpeglib    the same by the fallback that needs no libturbojpeg
    png        decode, crop, write each patch as PNG level 1 with OpenCV (what BasicSR's extraction does)

Targets: cut ≤ 1.8 × decode; png ≥ 8 × cut; bytes of the patches ≤ 1/5 of PNG's.

    python benchmarks/cutting.py FOLDER                # its JPEG files of at least 8 megapixels, the largest 8
    python benchmarks/cutting.py                       # photographs of the scikit-image and scikit-learn wheels, tiled
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

from million_ird.jpeg import CutPatch, find_cutter, is_cuttable
from million_ird.jpeg.fallback import JpeglibCutter
from million_ird.patches import Box, PatchSettings, grid
from million_ird.pixels import DecodeSettings, Header, read_header
from million_ird.records import Rejection

Pixels = npt.NDArray[np.uint8]

_WHEEL_PHOTOS = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/motorcycle_left.png"),
)


def main() -> None:
    """Run the comparison and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="searched for JPEG photographs, with its subfolders")
    parser.add_argument("--megapixels", type=float, default=8.0, help="the smallest photograph to take (default 8)")
    parser.add_argument("--photos", type=int, default=8, help="how many, the largest files first (default 8)")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds per photograph (default 7)")
    parser.add_argument("--quality", type=int, default=95, help="of the re-encoding; 0 for none (default 95)")
    options = parser.parse_args()
    sources = _photos(options.folder, options.megapixels, options.photos) if options.folder else _tiled_photos()
    cv2.setNumThreads(1)
    print(f"{machine.describe()}; {find_cutter().name}; simplejpeg, OpenCV {cv2.__version__}")
    print(f"{'':28}{'MP':>6}{'bpp':>6}{'patches':>9}{'decode':>10} │ time / decode, min (median){'':17}│ png / cut")
    head = "".join(f"{name:>14}" for name in ("cut", "optimised", "jpeglib"))
    print(f"{'':59} │{head} │{'time':>8}{'bytes':>8}")
    photos = [Photo(name, data, options.quality) for name, data in sources]
    if not photos:
        raise SystemExit("no photograph to measure; try --megapixels or another folder")
    for number in range(options.rounds + 1):
        for photo in photos:  # one after the other, as a worker meets them
            for step in STEPS:
                if step not in SELDOM or number < 3:
                    photo.run(step)
    _print_summary([photo.row() for photo in photos])


def _photos(folder: Path, megapixels: float, count: int) -> list[tuple[str, bytes]]:
    found = []
    files = (path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    for path in sorted(files, key=lambda path: (-path.stat().st_size, path)):
        data = path.read_bytes()
        header = read_header(data, DecodeSettings())
        if isinstance(header, Header) and header.pixels >= megapixels * 1e6 and is_cuttable(header):
            found.append((path.name, data))
    return found[:count]


def _tiled_photos() -> list[tuple[str, bytes]]:
    """Photographs of 12 megapixels: small ones repeated, every other tile mirrored so that the edges meet."""
    tiled = []
    for package, path in _WHEEL_PHOTOS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        with Image.open(Path(spec.origin).parent / path) as picture:
            tile = np.asarray(picture.convert("RGB"))
        block = np.vstack([np.hstack([tile, tile[:, ::-1]]), np.hstack([tile[::-1], tile[::-1, ::-1]])])
        across, down = -(-4000 // block.shape[1]), -(-3000 // block.shape[0])
        rgb = np.ascontiguousarray(np.tile(block, (down, across, 1))[:3000, :4000])
        tiled.append((Path(path).name + " tiled", _encode(rgb, 95)))
    return tiled


def _encode(rgb: Pixels, quality: int) -> bytes:
    """Baseline 4:2:0 with standard Huffman tables."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=False)
    return buffer.getvalue()


class Photo:
    """One photograph with the CPU seconds of every step and round."""

    def __init__(self, name: str, data: bytes, quality: int) -> None:
        self.name = name
        self.data = _encode(simplejpeg.decode_jpeg(data, "RGB"), quality) if quality else data
        header = read_header(self.data, DecodeSettings())
        assert isinstance(header, Header), header
        self.header = header
        self.boxes = grid(header.width, header.height, PatchSettings())
        self.times: dict[str, list[float]] = {step: [] for step in STEPS}

    def run(self, step: str) -> int:
        """One run of a step, timed; returns the bytes of its patches."""
        start = time.process_time()
        size = STEPS[step](self)
        self.times[step].append(time.process_time() - start)
        return size

    def row(self) -> dict[str, float]:
        """Ratios of the fastest and of the median rounds, the first round (warming up) left out."""
        low = {step: min(values[1:]) for step, values in self.times.items()}
        middle = {step: statistics.median(values[1:]) for step, values in self.times.items()}
        row = {step: low[step] / low["decode"] for step in SHOWN}
        row |= {f"{step} median": middle[step] / middle["decode"] for step in SHOWN}
        sizes = {step: STEPS[step](self) for step in ("cut", "optimised", "png")}
        row |= {"png": low["png"] / low["cut"], "bytes": sizes["png"] / sizes["cut"]}
        row["optimised bytes"] = sizes["optimised"] / sizes["cut"]
        print(
            f"{self.name[:27]:28}{self.header.pixels / 1e6:6.1f}{8 * len(self.data) / self.header.pixels:6.2f}"
            f"{len(self.boxes):9}{low['decode'] * 1e3:7.1f} ms │{_ratios(row)} │{row['png']:7.1f}×{row['bytes']:7.1f}×",
            flush=True,
        )
        return row


def _decode(photo: Photo) -> int:
    return int(simplejpeg.decode_jpeg(photo.data).nbytes)


def _cut(photo: Photo) -> int:
    return _patch_bytes(find_cutter().cut(photo.data, photo.header, photo.boxes))


def _cut_optimised(photo: Photo) -> int:
    return _patch_bytes(find_cutter().cut(photo.data, photo.header, photo.boxes, "optimised"))


def _cut_with_jpeglib(photo: Photo) -> int:
    return _patch_bytes(JpeglibCutter().cut(photo.data, photo.header, photo.boxes))


def _png(photo: Photo) -> int:
    return _decode_crop_png(photo.data, photo.boxes)


STEPS: dict[str, Callable[[Photo], int]] = {
    "decode": _decode,
    "cut": _cut,
    "optimised": _cut_optimised,
    "jpeglib": _cut_with_jpeglib,
    "png": _png,
}
SELDOM = ("optimised", "jpeglib", "png")  # slow and far from their targets: three rounds are enough
SHOWN = ("cut", "optimised", "jpeglib")


def _ratios(row: dict[str, float]) -> str:
    return "".join(f"{row[step]:>7.2f} ({row[step + ' median']:.2f})" for step in ("cut", "optimised", "jpeglib"))


def _patch_bytes(patches: list[CutPatch] | Rejection) -> int:
    assert isinstance(patches, list), patches
    return sum(len(patch.data) for patch in patches)


def _decode_crop_png(data: bytes, boxes: list[Box]) -> int:
    """BasicSR's way, kept in memory; returns the bytes written."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    assert bgr is not None
    total = 0
    for box in boxes:
        square = bgr[box.y : box.y + box.height, box.x : box.x + box.width]
        total += len(cv2.imencode(".png", square, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
    return total


def _print_summary(rows: list[dict[str, float]]) -> None:
    middle = {column: statistics.median(row[column] for row in rows) for column in rows[0]}
    worst = max(row["cut"] for row in rows)
    print(f"\n{'':34}{'target':>10}{'median':>10}{'worst':>10}")
    print(f"{'cut with flatness / decode':34}{'≤ 1.8':>10}{middle['cut']:>10.2f}{worst:>10.2f}")
    for label, column, target in (("PNG time / cut time", "png", "≥ 8"), ("PNG bytes / cut bytes", "bytes", "≥ 5")):
        print(f"{label:34}{target:>10}{middle[column]:>10.1f}{min(row[column] for row in rows):>10.1f}")
    saved = 1 - middle["optimised bytes"]
    print(f"{'bytes saved by optimised tables':34}{'':>10}{saved:>10.1%}")


if __name__ == "__main__":
    main()
