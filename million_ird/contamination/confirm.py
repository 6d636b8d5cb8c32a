"""Whether a benchmark picture really lies where its hash was found, decided on pixels."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.contamination.settings import ContaminationSettings
from million_ird.contamination.table import Benchmark, BenchmarkTable, Hit
from million_ird.contamination.windows import luma
from million_ird.duplicates.verify import Agreement, Limits, compare_planes
from million_ird.fingerprint import transformed

_FORGIVEN_SHARE = 0.05
"""Share of windows that may disagree: benchmarks were retouched, cropped past a caption, saved badly."""

_MAX_TURN = 1.0
"""Off-diagonal entry of the alignment: not held against a good score, since stripes leave it undetermined."""

_MIN_OVERLAP = 0.25
"""Share of the benchmark that the photograph must cover."""


def confirm(rgb: NDArray[np.uint8], hit: Hit, benchmark: Benchmark, settings: ContaminationSettings) -> Agreement:
    """Compare a photograph (H, W, 3) uint8, at the place of a hit, with the benchmark's signature.

    The photograph is turned as the hit says and scaled so that its window has the size of the benchmark's square; then
    both are aligned and compared as a pair of duplicates is.
    """
    wanted = benchmark.signature.astype(np.float32)
    found, warp = _region(rgb, hit, wanted.shape)
    limits = Limits(settings.min_agreement, _FORGIVEN_SHARE, max_shift=0.12, accepts_plain=False, max_turn=_MAX_TURN)
    agreement = compare_planes(wanted, found, warp, limits)
    if agreement.accepted and agreement.overlap < _MIN_OVERLAP:
        return Agreement(agreement.score, False, agreement.shift, agreement.overlap, "small overlap")
    return agreement


def find_benchmark(
    rgb: NDArray[np.uint8], table: BenchmarkTable, settings: ContaminationSettings
) -> tuple[Hit, Agreement] | None:
    """The first hit, most alike first, that is confirmed; None if a photograph holds no benchmark picture."""
    for hit in table.lookup(rgb, settings):
        agreement = confirm(rgb, hit, table[hit.benchmark], settings)
        if agreement.accepted:
            return hit, agreement
    return None


def _region(
    rgb: NDArray[np.uint8], hit: Hit, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The part of the photograph that may hold the benchmark, at the signature's scale, and the map from the one to
    the other: (2, 3), signature pixels to pixels of the part."""
    turned = transformed(rgb, hit.transform)
    x, y, side = _turned_window(hit, rgb.shape)
    scale = side / hit.square[2]  # photograph pixels per signature pixel
    left, top = x - hit.square[0] * scale, y - hit.square[1] * scale
    margin = 0.08 * max(shape) * scale
    x0, y0 = max(0, int(left - margin)), max(0, int(top - margin))
    x1 = min(turned.shape[1], int(left + shape[1] * scale + margin) + 1)
    y1 = min(turned.shape[0], int(top + shape[0] * scale + margin) + 1)
    part = np.ascontiguousarray(turned[y0:y1, x0:x1])
    size = (max(16, round((x1 - x0) / scale)), max(16, round((y1 - y0) / scale)))
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    plane = luma(np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)).astype(np.float32)
    warp = np.array([[1, 0, (left - x0) / scale], [0, 1, (top - y0) / scale]], np.float32)
    return plane, warp


def _turned_window(hit: Hit, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """The hit's window in the coordinates of the turned photograph."""
    x, y, side = hit.window
    height, width = float(shape[0]), float(shape[1])
    if hit.transform in ("transpose", "rot90", "rot270", "transverse"):
        x, y, width, height = y, x, height, width
    if hit.transform in ("flip", "rot180", "rot90", "transverse"):
        y = height - y - side
    if hit.transform in ("mirror", "rot180", "rot270", "transverse"):
        x = width - x - side
    return x, y, side
