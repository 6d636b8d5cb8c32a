"""`million-ird fit-niqe`: fit NIQE's pristine model on a folder of clean photographs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.errors import UsageError
from million_ird.pixels import DecodeSettings, decode, read_header
from million_ird.records import Rejection
from million_ird.screens.niqe import fit_niqe


def main(argv: Sequence[str] | None = None) -> int:
    """Read the folder, fit, write the model; the exit code.

    Raises:
        UsageError: no such folder, or too few sharp patches in it.
    """
    options = _parser().parse_args(argv)
    if not options.folder.is_dir():
        raise UsageError(f"{options.folder} is no folder")
    if min(options.long_side) < 0:
        raise UsageError(f"--long-side must be 0 or more pixels, not {min(options.long_side)}")
    used: list[Path] = []
    model = fit_niqe(_photographs(options.folder, options.long_side, used), options.about)
    try:
        model.save(options.out)
    except OSError as error:
        raise UsageError(f"{options.out} cannot be written: {error.strerror}") from None
    print(f"{options.out}: fitted on {len(used)} photographs")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="million-ird fit-niqe", description=__doc__)
    parser.add_argument("folder", type=Path, help="photographs; files that cannot be decoded are named and left out")
    parser.add_argument("--out", type=Path, required=True, help="the model to write, an .npz file")
    parser.add_argument(
        "--long-side",
        type=int,
        nargs="+",
        default=[2000, 1200],
        metavar="PIXELS",
        help="shrink each photograph by the whole factor that brings its longer side nearest to this, which removes "
        "traces of lens, sensor and compression; with several, learn from each size; 0 leaves it as it is "
        "(default: 2000 1200)",
    )
    parser.add_argument("--about", default="", help="a line of text to keep with the model")
    return parser


def _photographs(folder: Path, long_sides: list[int], used: list[Path]) -> Iterator[NDArray[np.uint8]]:
    """The photographs below `folder`, in the order of their paths, at each size; adds to `used` what it decoded."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        header = read_header(data, DecodeSettings())
        rgb = header if isinstance(header, Rejection) else decode(data, header, DecodeSettings())
        if isinstance(rgb, Rejection):
            print(f"left out {path}: {rgb.reason} {rgb.detail}".rstrip(), file=sys.stderr)
            continue
        used.append(path)
        for factor in sorted({_factor(rgb, side) for side in long_sides}):
            yield _shrink(rgb, factor)


def _factor(rgb: NDArray[np.uint8], long_side: int) -> int:
    """The whole number, at least 1, that brings the longer side of `rgb` nearest to `long_side`; 1 for 0."""
    return max(1, round(max(rgb.shape[:2]) / long_side)) if long_side else 1


def _shrink(rgb: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """`rgb` (H, W, 3) with each square of `factor` × `factor` pixels replaced by its mean."""
    if factor == 1:
        return rgb
    height, width = (side // factor for side in rgb.shape[:2])
    whole = rgb[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
