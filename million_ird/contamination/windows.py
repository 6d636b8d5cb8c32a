"""Hashes of square windows: of every window of a photograph at many scales, and of a few squares of a benchmark.

A window is reduced to 32×32 luma samples; its hash is the signs of the 8×8 lowest frequencies of their cosine
transform, the mean excepted: 63 bits. All windows of one scale share the transform's first half, so the hashes of a
photograph's fifty thousand windows cost less than decoding it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.fingerprint import TRANSFORMS, Transform, cosines, is_transposing, sign_changes

SAMPLES = 32
"""Samples along a window's side."""

FREQUENCIES = 8

SCALE_STEP = 1.12
"""Ratio of one scale to the next: no window is more than 6 % too large or too small."""

STRIDE = 2
"""Samples from one window to the next: none is more than 3 % of its side away."""

_MIN_CONTRAST = 6.0
"""Standard deviation in grey levels below which a window says too little to be looked up."""

_MIN_DETAIL = 1.5
"""The same without the five lowest frequencies: gradients and single edges look alike everywhere."""

_ROWS = cosines(FREQUENCIES, SAMPLES).astype(np.float32)


class Windows(NamedTuple):
    """Windows of one scale that say enough.

    signs: (n, 64) float32 of 0 and 1, vertical frequency major, the mean's place always 0.
    x, y: (n,) corners in samples of the level; level: the (h, w) luma float32 they were cut from.
    """

    signs: NDArray[np.float32]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    level: NDArray[np.float32]


def luma(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma of an (H, W, 3) RGB picture; (H, W) stays as it is."""
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def source_windows(rgb: NDArray[np.uint8], smallest: float) -> Iterator[Windows]:
    """All windows of a photograph from its whole shorter side down to `smallest` of it, one scale after another."""
    octaves = [_halved(luma(rgb), round(SAMPLES / smallest))]
    while min(octaves[-1].shape) >= 4 * SAMPLES:
        octaves.append(_reduced(octaves[-1], min(octaves[-1].shape) // 2))
    side = float(SAMPLES)
    while side <= SAMPLES / smallest * 1.0001:
        smallest_enough = next((o for o in reversed(octaves) if min(o.shape) >= 1.5 * side), octaves[0])
        yield level_windows(_reduced(smallest_enough, round(side)), STRIDE)
        side *= SCALE_STEP


def level_windows(level: NDArray[np.uint8], stride: int) -> Windows:
    """The windows of one level, `stride` samples apart."""
    plane = luma(level).astype(np.float32)
    columns = np.lib.stride_tricks.sliding_window_view(plane, SAMPLES, axis=1)[:, ::stride] @ _ROWS.T
    view = np.lib.stride_tricks.sliding_window_view(columns, SAMPLES, axis=0)[::stride]  # (y, x, u, sample)
    coefficients = (view @ _ROWS.T).swapaxes(-1, -2)  # (y, x, vertical, horizontal)
    count_y, count_x = coefficients.shape[:2]
    flat = coefficients.reshape(count_y * count_x, FREQUENCIES**2)
    flat[:, 0] = 0
    chosen = np.flatnonzero(_says_enough(flat))
    return Windows((flat[chosen] > 0).astype(np.float32), chosen % count_x * stride, chosen // count_x * stride, plane)


def transformed_signs(signs: NDArray[np.float32], transform: Transform) -> NDArray[np.float32]:
    """The signs that the turned or mirrored windows have."""
    bits = signs.reshape(-1, FREQUENCIES, FREQUENCIES)
    if is_transposing(transform):
        bits = bits.swapaxes(1, 2)
    changed = np.abs(bits - sign_changes(transform)[:FREQUENCIES, :FREQUENCIES].astype(np.float32))
    return changed.reshape(-1, FREQUENCIES**2)


def all_transforms(signs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(8, n, 64), in the order of `TRANSFORMS`."""
    return np.stack([transformed_signs(signs, t) for t in TRANSFORMS])


def _says_enough(coefficients: NDArray[np.float32]) -> NDArray[np.bool_]:
    energy = coefficients * coefficients
    total = energy.sum(axis=1)
    lowest = energy[:, [1, 2, FREQUENCIES, FREQUENCIES + 1, 2 * FREQUENCIES]].sum(axis=1)
    samples = SAMPLES**2
    enough: NDArray[np.bool_] = (total > _MIN_CONTRAST**2 * samples) & (total - lowest > _MIN_DETAIL**2 * samples)
    return enough


def _halved(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture averaged over the largest whole squares of pixels that leave its shorter side twice `side`."""
    factor = min(grey.shape) // (2 * side)
    if factor < 2:
        return grey
    height, width = grey.shape[0] // factor, grey.shape[1] // factor
    whole = grey[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _reduced(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture with its shorter side made `side`, averaged where it shrinks."""
    height, width = picture.shape[:2]
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
