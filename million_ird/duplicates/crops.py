"""Crops that keep about three quarters of a picture, found through local features.

A hash of the whole picture cannot see such crops; what stays the same is its details. When an image is screened, its
strongest SIFT keypoints (Lowe 2004) are written down as short codes; images that share several codes are matched
keypoint by keypoint (see `crop_index`) and then compared window by window like every other pair.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.duplicates.settings import DuplicateSettings
from million_ird.duplicates.verify import Agreement, Limits, compare_planes, luma_plane
from million_ird.fingerprint import TRANSFORMS, Transform, transformed

CODE_BITS = 28

_SIDE = 480
"""Longer side at which keypoints are looked for, in pixels."""

_MIN_KEPT = 0.70
"""Least share of the larger picture that the smaller one must keep: three quarters, less what alignment may err."""

_MIN_INLIERS = 10
"""Keypoints that must agree on one similarity before pixels are looked at."""

_PLANES = np.random.Generator(np.random.PCG64(20_240_603)).standard_normal((128, CODE_BITS)).astype(np.float32)


def crop_features(rgb: NDArray[np.uint8], count: int) -> bytes:
    """What the crop search needs to know of a picture: at most `count` keypoints, 16 bytes each.

    Args:
        rgb: (H, W, 3) uint8, or luma (H, W).

    Returns:
        (n, 4) little-endian uint32 as bytes: the four codes of each keypoint, strongest first: as it is, as a mirror
        shows it, and with either of its two least certain bits turned.
    """
    _, descriptors = _keypoints(_plane(rgb), count)
    if not len(descriptors):
        return b""
    codes, margins = _codes(descriptors)
    mirrored, _ = _codes(_mirrored(descriptors))
    weakest = np.argsort(np.abs(margins), axis=1, kind="stable")[:, :2].astype(np.uint32)
    turned = codes[:, None] ^ (np.uint32(1) << weakest)
    return np.column_stack([codes, mirrored, turned]).astype("<u4").tobytes()


def verify_crop(
    first: NDArray[np.uint8], second: NDArray[np.uint8], settings: DuplicateSettings
) -> tuple[Agreement, Transform]:
    """Whether one of two pictures (H, W, 3) uint8 is a crop of the other that keeps about three quarters of it.

    Returns:
        The agreement, with `overlap` the share of the larger picture that both show, and the transform that turns the
        second into the first.
    """
    a, b = _plane(first), _plane(second)
    best = Agreement(0.0, False, 0.0, 0.0, "no common keypoints"), TRANSFORMS[0]
    for mirror in (False, True):
        warp = _similarity(a, np.ascontiguousarray(b[:, ::-1]) if mirror else b)
        if warp is None:
            continue
        transform = _nearest_transform(warp, mirror)
        turned = np.ascontiguousarray(transformed(b, transform))
        warp = _similarity(a, turned)
        if warp is None:
            continue
        agreement = _compare(a, turned, warp, settings)
        best = max(best, (agreement, transform), key=lambda pair: (pair[0].accepted, pair[0].score))
    return best


def _compare(
    a: NDArray[np.float32], b: NDArray[np.float32], warp: NDArray[np.float32], settings: DuplicateSettings
) -> Agreement:
    limits = Limits(settings.min_agreement, settings.forgiven_share, max_shift=0.05, accepts_plain=False)
    agreement = compare_planes(a, b, warp, limits)
    shared = agreement.overlap * a.size
    kept = shared / max(a.size, b.size / max(abs(float(np.linalg.det(warp[:, :2].astype(np.float64)))), 1e-6))
    reason = agreement.reason or ("small overlap" if kept < _MIN_KEPT else "")
    return Agreement(agreement.score, not reason, agreement.shift, round(kept, 4), reason)


def _plane(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    scale = min(1.0, _SIDE / max(rgb.shape[:2]))
    return luma_plane(rgb, (max(16, round(rgb.shape[1] * scale)), max(16, round(rgb.shape[0] * scale))))


def _keypoints(plane: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places (n, 2) and RootSIFT descriptors (n, 128) of the strongest keypoints, in a fixed order."""
    found, descriptors = cv2.SIFT.create(contrastThreshold=0.02).detectAndCompute(plane.astype(np.uint8), None)
    if not found:
        return np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
    facts = np.array([(-k.response, k.pt[0], k.pt[1], k.size, k.angle) for k in found])
    order = np.lexsort(facts.T[::-1])[:count]
    chosen = np.sqrt(descriptors[order] / np.maximum(descriptors[order].sum(axis=1, keepdims=True), 1e-6))
    return facts[order, 1:3].astype(np.float32), chosen.astype(np.float32)


def _mirrored(descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The descriptors that the same keypoints have in a mirror: rows and directions in reverse."""
    cells = descriptors.reshape(-1, 4, 4, 8)[:, ::-1]
    return cells[..., -np.arange(8) % 8].reshape(-1, 128)


def _codes(descriptors: NDArray[np.float32]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    margins = (descriptors - descriptors.mean(axis=1, keepdims=True)) @ _PLANES
    weights = np.uint32(1) << np.arange(CODE_BITS, dtype=np.uint32)
    return ((margins > 0) * weights).sum(axis=1, dtype=np.uint32), margins


def _similarity(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The map from `a` to `b` (2, 3) that most keypoints agree on."""
    places_a, descriptors_a = _keypoints(a, 500)
    places_b, descriptors_b = _keypoints(b, 500)
    if min(len(places_a), len(places_b)) < _MIN_INLIERS:
        return None
    likeness = descriptors_a @ descriptors_b.T
    best = likeness.argmax(axis=1)
    second = np.partition(likeness, -2, axis=1)[:, -2]
    # Lowe's ratio test on squared distances 2 - 2 cos, at 0.8.
    sure = (1 - likeness.max(axis=1)) < 0.64 * (1 - second)
    if sure.sum() < _MIN_INLIERS:
        return None
    warp, inliers = cv2.estimateAffinePartial2D(places_a[sure], places_b[best[sure]], ransacReprojThreshold=2.5)
    return None if warp is None or inliers.sum() < _MIN_INLIERS else np.asarray(warp, np.float32)


def _nearest_transform(warp: NDArray[np.float32], mirror: bool) -> Transform:
    """The turn or mirror of the second picture that a similarity into its (mirrored) pixels comes nearest to."""
    direction = warp[:, :2] / np.sqrt(max(abs(float(np.linalg.det(warp[:, :2].astype(np.float64)))), 1e-9))
    if mirror:
        direction = np.diag([-1.0, 1.0]).astype(np.float32) @ direction
    return max(TRANSFORMS, key=lambda t: float((_matrix(t) * direction).sum()))


def _matrix(transform: Transform) -> NDArray[np.float32]:
    """How a transform maps directions (x, y) of the turned picture to those of the picture itself."""
    grid = np.stack(np.meshgrid(np.arange(3), np.arange(3)), axis=-1).astype(np.uint8)  # holds its own (x, y)
    turned = transformed(grid, transform).astype(np.float32)
    return np.stack([turned[1, 2] - turned[1, 1], turned[2, 1] - turned[1, 1]], axis=1)
