"""What a picture is recognised by: a hash of its pixels, and a hash of how it looks.

The perceptual hash keeps the signs of the 16×16 lowest frequencies of a cosine transform (DCT-II) of the picture's
64×64 luma reduction. It does not depend on size, encoding or brightness, and the eight turns and mirrors of a picture
have hashes that follow from one another by arithmetic: a mirror changes the sign of the odd frequencies of one axis,
a transposition swaps the axes. So one hash is stored for all eight, and an orientation tag does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import blake3
import cv2
import numpy as np
from numpy.typing import NDArray

Transform = Literal["identity", "mirror", "flip", "rot180", "transpose", "rot90", "rot270", "transverse"]
"""A turn or mirror: `mirror` left-right, `flip` top-bottom, `rot90` a quarter turn counter-clockwise, `transpose`
along the main diagonal, `transverse` along the other one."""

Sample = TypeVar("Sample", bound=np.generic)

TRANSFORMS: tuple[Transform, ...] = get_args(Transform)

UPRIGHT: tuple[Transform, ...] = (
    *("identity", "mirror", "rot180", "flip"),
    *("transpose", "rot270", "transverse", "rot90"),
)
"""What turns a picture upright, by its EXIF orientation 1 to 8 (EXIF 2.3, tag 274)."""

REDUCTION = 64
"""Side of the luma reduction, in pixels: four samples per period of the highest frequency kept."""

GRID = 16
"""Frequencies kept per axis; `GRID` squared is the number of bits."""

HASH_BYTES = GRID * GRID // 8

_SILENCE = 1.0
"""A coefficient below this (one grey level, orthonormal DCT of 64×64) has no sign worth keeping: bit 0."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`phash`: 256 bits, row-major over (vertical, horizontal) frequency, first bit highest in its byte.

    `pixel_hash`: BLAKE3-128 of shape and pixels, 32 hex digits.
    """

    phash: bytes
    pixel_hash: str


def fingerprint(rgb: NDArray[np.uint8]) -> Fingerprint:
    """Both hashes of a picture.

    Args:
        rgb: (H, W, 3) uint8.
    """
    return Fingerprint(perceptual_hash(rgb), pixel_hash(rgb))


def pixel_hash(rgb: NDArray[np.uint8]) -> str:
    """BLAKE3-128 over height, width (4 bytes each, little endian) and the pixels of an (H, W, 3) uint8 picture."""
    height, width = rgb.shape[:2]
    shape = height.to_bytes(4, "little") + width.to_bytes(4, "little")
    return blake3.blake3(shape).update(np.ascontiguousarray(rgb).data).hexdigest(length=16)


def perceptual_hash(picture: NDArray[np.uint8]) -> bytes:
    """The 256-bit perceptual hash of an (H, W, 3) RGB or (H, W) luma uint8 picture; luma gives the same, sooner."""
    luma = picture if picture.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    while min(luma.shape) >= 16 * REDUCTION:  # halving is many times faster than averaging odd areas
        height, width = luma.shape[0] // 2, luma.shape[1] // 2
        luma = cv2.resize(luma[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    small = cv2.resize(luma, (REDUCTION, REDUCTION), interpolation=cv2.INTER_AREA)
    return np.packbits(_dct_signs(small.astype(np.float64))).tobytes()


def as_bits(phash: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Hashes (…, 32) uint8 as bits (…, 16, 16) of 0 and 1, indexed by vertical, then horizontal frequency."""
    return np.unpackbits(phash, axis=-1).reshape(*phash.shape[:-1], GRID, GRID)


def transformed_hash(phash: bytes, transform: Transform) -> bytes:
    """The hash that `transformed(picture, transform)` has, from the picture's own (silent coefficients aside)."""
    bits = as_bits(np.frombuffer(phash, np.uint8))
    if is_transposing(transform):
        bits = bits.T
    return np.packbits(bits ^ sign_changes(transform)).tobytes()


def is_transposing(transform: Transform) -> bool:
    """Whether a transform swaps width and height."""
    return transform in ("transpose", "rot90", "rot270", "transverse")


def sign_changes(transform: Transform) -> NDArray[np.uint8]:
    """The (16, 16) bits that change, after the transposition if there is one."""
    odd = (np.arange(GRID) % 2).astype(np.uint8)
    vertical = odd[:, None] if transform in ("flip", "rot180", "rot90", "transverse") else np.zeros((GRID, 1), np.uint8)
    sideways = odd[None] if transform in ("mirror", "rot180", "rot270", "transverse") else np.zeros((1, GRID), np.uint8)
    changes = vertical ^ sideways
    changes[0, 0] = 0
    return changes


def transformed(picture: NDArray[Sample], transform: Transform) -> NDArray[Sample]:
    """A picture (H, W) or (H, W, 3), turned or mirrored; a view where possible."""
    if is_transposing(transform):
        picture = picture.swapaxes(0, 1)
    if transform in ("flip", "rot180", "rot90", "transverse"):
        picture = picture[::-1]
    if transform in ("mirror", "rot180", "rot270", "transverse"):
        picture = picture[:, ::-1]
    return picture


def inverse(transform: Transform) -> Transform:
    """The transform that undoes another: only the quarter turns are not their own."""
    swap: dict[Transform, Transform] = {"rot90": "rot270", "rot270": "rot90"}
    return swap.get(transform, transform)


def compose(outer: Transform, inner: Transform) -> Transform:
    """The one transform that does `inner`, then `outer`."""
    return _COMPOSED[outer, inner]


def cosines(count: int, length: int) -> NDArray[np.float64]:
    """The first `count` rows of the orthonormal DCT-II of a given length: (count, length)."""
    angles = np.pi / length * (np.arange(length) + 0.5) * np.arange(count)[:, None]
    rows: NDArray[np.float64] = np.sqrt(2 / length) * np.cos(angles)
    rows[0] /= np.sqrt(2)
    return rows


def _composed() -> dict[tuple[Transform, Transform], Transform]:
    probe = np.arange(6, dtype=np.uint8).reshape(2, 3)
    names = {transformed(probe, t).tobytes(): t for t in TRANSFORMS}
    return {(a, b): names[transformed(transformed(probe, b), a).tobytes()] for a in TRANSFORMS for b in TRANSFORMS}


_COMPOSED = _composed()
_ROWS = cosines(GRID, REDUCTION)


def _dct_signs(luma: NDArray[np.float64]) -> NDArray[np.bool_]:
    coefficients = _ROWS @ luma @ _ROWS.T
    coefficients[0, 0] = 0.0  # the mean has no sign
    return coefficients > _SILENCE
