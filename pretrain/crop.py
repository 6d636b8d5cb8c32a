"""Random training crops of a patch: a square at a random place, in one of the eight orientations of a square.

Patches are stored as the camera stored them; their EXIF `orientation` says how to turn them to be seen upright. A crop
is first made upright, then turned by one of the eight. As all eight are equally likely, the result would be distributed
the same without the first step; with it, the number drawn has a meaning: 0 is upright.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from million_ird.errors import DatasetError, UsageError
from million_ird.fingerprint import TRANSFORMS, UPRIGHT, Transform, is_transposing
from million_ird.jpeg.region import decode_region
from million_ird.patches import Box
from million_ird.pixels import DecodeSettings, decode, decode_patch, read_header
from million_ird.records import Rejection

Crop = npt.NDArray[np.uint8]
"""RGB, uint8, shape (side, side, 3)."""

TURNS = len(TRANSFORMS)
"""Orientations of a square; their numbers are their places in `TRANSFORMS`."""

_FLIP_CODES = {"flip": 0, "rot90": 0, "mirror": 1, "rot270": 1, "rot180": -1, "transverse": -1}
"""What OpenCV calls the flip of each transform, done after its transposition if it has one."""


class DamagedPatchError(Exception):
    """A patch cannot be decoded, or is not what its row says. The caller counts it and takes a substitute."""


def random_crop(
    data: bytes, encoding: str, width: int, height: int, orientation: int, side: int, rng: np.random.Generator
) -> Crop:
    """A random square of a patch, randomly turned; only what it needs is decoded where that can be done.

    Args:
        data: the patch's encoded bytes.
        encoding: "jpg", "webp", or another still format that `million_ird.pixels` decodes ("png").
        width: of the patch in pixels, stored orientation.
        height: likewise.
        orientation: EXIF orientation 1..8 of the stored pixels; anything else counts as 1.
        side: of the square in pixels.
        rng: the place and the turn are drawn from it, three numbers.

    Returns:
        RGB, uint8, (side, side, 3), contiguous.

    Raises:
        DamagedPatchError: the bytes are damaged, or the picture has another size.
        UsageError: the patch is smaller than the crop.
    """
    return random_crops(data, encoding, width, height, orientation, side, [rng])[0]


def random_crops(
    data: bytes,
    encoding: str,
    width: int,
    height: int,
    orientation: int,
    side: int,
    rngs: Sequence[np.random.Generator],
) -> list[Crop]:
    """Several crops of one patch that share one decode: each is what `random_crop` gives with its generator."""
    if side > min(width, height):
        raise UsageError(f"a patch of {width}x{height} pixels is smaller than the crop of {side}")
    places = [_draw(rng, width - side, height - side) for rng in rngs]
    left, top = min(x for x, _, _ in places), min(y for _, y, _ in places)
    right, bottom = max(x for x, _, _ in places) + side, max(y for _, y, _ in places) + side
    pixels = _decode(data, encoding, width, height, Box(left, top, right - left, bottom - top))
    squares = (pixels[y - top : y - top + side, x - left : x - left + side] for x, y, _ in places)
    return [
        np.ascontiguousarray(turned(upright(square, orientation), turn))
        for square, (_, _, turn) in zip(squares, places, strict=True)
    ]


def upright(pixels: Crop, orientation: int) -> Crop:
    """The stored pixels as EXIF `orientation` wants them seen; those of orientation 1 are returned as they are."""
    return _turned(pixels, UPRIGHT[orientation - 1 if 1 <= orientation <= len(UPRIGHT) else 0])


def turned(pixels: Crop, turn: int) -> Crop:
    """One of the eight orientations of a picture, 0 ≤ `turn` < `TURNS`; 0 returns the argument."""
    return _turned(pixels, TRANSFORMS[turn])


def _turned(pixels: Crop, transform: Transform) -> Crop:
    """`fingerprint.transformed` by OpenCV: numpy takes ten times as long to copy a transposed or mirrored picture."""
    if is_transposing(transform):
        pixels = np.asarray(cv2.transpose(pixels))
    if transform in _FLIP_CODES:
        pixels = np.asarray(cv2.flip(pixels, _FLIP_CODES[transform]))
    return pixels


def _draw(rng: np.random.Generator, right: int, bottom: int) -> tuple[int, int, int]:
    """x and y of the upper left corner, and the turn."""
    return (
        int(rng.integers(right, endpoint=True)),
        int(rng.integers(bottom, endpoint=True)),
        int(rng.integers(TURNS)),
    )


def _decode(data: bytes, encoding: str, width: int, height: int, box: Box) -> Crop:
    try:
        if encoding in ("jpg", "jpeg"):
            return decode_region(data, width, height, box)
        pixels = decode_patch(data) if encoding == "webp" else _decode_other(data)
    except (ValueError, DatasetError) as error:
        raise DamagedPatchError(str(error)) from error
    if pixels.shape[:2] != (height, width):
        raise DamagedPatchError(f"{pixels.shape[1]}x{pixels.shape[0]} pixels, not {width}x{height} as its row says")
    return pixels[box.y : box.y + box.height, box.x : box.x + box.width]


def _decode_other(data: bytes) -> Crop:
    """What this project does not write, but other people's shards hold."""
    settings = DecodeSettings()
    header = read_header(data, settings)
    pixels = header if isinstance(header, Rejection) else decode(data, header, settings)
    if isinstance(pixels, Rejection):
        raise DamagedPatchError(f"{pixels.reason}: {pixels.detail}")
    return pixels
