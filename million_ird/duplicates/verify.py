"""Whether two pictures show the same exposure, decided on their pixels.

A hash says "look alike"; this says "are alike, everywhere". The two are brought to one small size, aligned by an
affine map that may shift and stretch a little but hardly turn, and compared window by window, in two bands of detail.
One window that disagrees is enough to keep both pictures: a person has moved, a cloud has drifted, the camera was held
a hand's breadth to the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from million_ird.duplicates.settings import DuplicateSettings
from million_ird.fingerprint import Transform, transformed

Plane = NDArray[np.float32]
"""A luma picture (H, W), 0 to 255."""

WORKING_SIDE = 512
"""Longer side at which pictures are compared, in pixels (less, if one of them is smaller)."""

_WINDOW = 32
"""Side of a window, in pixels of the working size."""

_STRIDE = 8

_NOISE = 4.0
"""Standard deviation in grey levels that recompression may add to a window's detail: JPEG quality 30, small photos."""

_TEXTURE = 6.0
"""Standard deviation in grey levels of a window whose detail says something."""

_MIN_TEXTURED = 0.02
"""Share of textured windows below which a pair is judged by plain differences instead."""

_PLAIN_DIFFERENCE = 10.0
"""Difference in grey levels, averaged over a window, at which two pictures without detail agree not at all; with the
default `min_agreement` they are equal up to 1.8 levels, what recompression does to a gradient."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a comparison accepts."""

    min_agreement: float
    """Least score, see `Agreement`."""

    forgiven_share: float
    """The share of worst windows that is not held against a pair."""

    max_shift: float
    """How far the alignment may move a corner away from the first guess, as a share of the longer side."""

    accepts_plain: bool
    """Whether pictures without any detail can be compared, by their tones alone."""

    max_turn: float = 0.008
    """Largest off-diagonal entry of the alignment: 0.46 degrees. Copies are not turned, second exposures often are."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a comparison measured.

    `score`: -1 to 1, what all but the worst windows reach; `shift`: how far the alignment moved the pictures'
    corners, as a share of the longer side; `overlap`: the share of the first picture that the second covers;
    `accepted`: the verdict; `reason`: what spoke against it, "" if nothing did.
    """

    score: float
    accepted: bool
    shift: float
    overlap: float
    reason: str = ""


def verify_pair(
    first: NDArray[np.uint8], second: NDArray[np.uint8], transform: Transform, settings: DuplicateSettings
) -> Agreement:
    """Whether two whole pictures are one exposure, up to encoding, size, tone and a border of about 2 %.

    Args:
        first: (H, W, 3) uint8 RGB.
        second: (H, W, 3) uint8 RGB.
        transform: what turns the second into the first, as `candidate_pairs` found it.
    """
    a, b = working_planes(first, np.ascontiguousarray(transformed(second, transform)))
    return compare_planes(
        a,
        b,
        np.eye(2, 3, dtype=np.float32),
        Limits(settings.min_agreement, settings.forgiven_share, max_shift=0.045, accepts_plain=True),
    )


def working_planes(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[Plane, Plane]:
    """Both pictures as luma of one common size: the first's aspect, `WORKING_SIDE` or what the smaller one has."""
    side = min(WORKING_SIDE, max(first.shape[:2]), max(second.shape[:2]))
    scale = side / max(first.shape[:2])
    size = (max(round(first.shape[1] * scale), 16), max(round(first.shape[0] * scale), 16))
    return luma_plane(first, size), luma_plane(second, size)


def luma_plane(rgb: NDArray[np.uint8], size: tuple[int, int]) -> Plane:
    """An (H, W, 3) or (H, W) uint8 picture as luma of (width, height) `size`, averaged where it shrinks."""
    is_smaller = size[0] < rgb.shape[1] and size[1] < rgb.shape[0]
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return small.astype(np.float32)


def compare_planes(a: Plane, b: Plane, warp: Plane, limits: Limits) -> Agreement:
    """Align `b` to `a` from a first guess and compare them.

    Args:
        warp: (2, 3), takes pixel coordinates of `a` to those of `b`.
    """
    refined = _refine(a, b, warp)
    shift = _corner_shift(refined, warp, a.shape)
    aligned, inside = _warped(b, refined, a.shape)
    overlap = float(inside.mean())
    # Where the second picture ends there must be no edge.
    score, has_texture = _agreement(a, np.where(inside, aligned, a), inside, limits.forgiven_share)
    if not has_texture:  # then the alignment had nothing to hold on to either
        score, shift, refined = _plain_agreement(a, *_warped(b, warp, a.shape)), 0.0, warp
    reason = "" if has_texture or limits.accepts_plain else "no texture"
    if not reason:
        if _turn(refined) > limits.max_turn:
            reason = "turned"
        elif shift > limits.max_shift:
            reason = "shifted"
        elif score < limits.min_agreement:
            reason = "disagrees"
    return Agreement(round(score, 4), not reason, round(shift, 4), round(overlap, 4), reason)


def _refine(a: Plane, b: Plane, guess: Plane) -> Plane:
    """The affine map that maximises the correlation (ECC, Evangelidis and Psarakis 2008), coarse to fine."""
    levels = max(0, round(np.log2(max(a.shape) / 96)))
    warp = guess.astype(np.float32)
    for level in range(levels, -1, -1):
        scale = 1 / 2**level
        small_a, small_b = (_shrunk(p, 2**level) for p in (a, b))
        to_scale = np.array([1, 1, scale], np.float32)
        scaled = warp * to_scale
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50 if level else 30, 1e-6)
        mask = np.ones(small_b.shape, np.uint8)
        try:
            _, found = cv2.findTransformECC(small_a, small_b, scaled, cv2.MOTION_AFFINE, criteria, mask, 5)
        except cv2.error:  # nothing to hold on to, or the iteration left the picture: the comparison will tell
            return guess
        warp = np.asarray(found, np.float32) / to_scale
    return warp


def _warped(b: Plane, warp: Plane, shape: tuple[int, ...]) -> tuple[Plane, NDArray[np.bool_]]:
    """`b` in the coordinates of a plane of the given shape, and which of its pixels lie inside `b`."""
    size, flags = (shape[1], shape[0]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    inside = cv2.warpAffine(np.ones_like(b), warp, size, flags=flags) > 0.999
    return np.asarray(cv2.warpAffine(b, warp, size, flags=flags), np.float32), inside


def _shrunk(plane: Plane, factor: int) -> Plane:
    if factor == 1:
        return plane
    return np.asarray(cv2.resize(plane, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA), np.float32)


def _corner_shift(refined: Plane, guess: Plane, shape: tuple[int, ...]) -> float:
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float32)
    return float(np.abs(corners @ (refined - guess).T).max() / max(width, height))


def _turn(warp: Plane) -> float:
    scale = np.sqrt(abs(np.linalg.det(warp[:, :2].astype(np.float64))))
    return float(max(abs(warp[0, 1]), abs(warp[1, 0])) / max(scale, 1e-6))


def _agreement(a: Plane, b: Plane, inside: NDArray[np.bool_], forgiven_share: float) -> tuple[float, bool]:
    """The score of two aligned planes, and whether enough of their windows have texture for it to mean something."""
    scores, evidence = [], 0.0
    for level in (1, 4):  # fine detail, and four times coarser: clouds, shadows, soft pictures
        planes = [_shrunk(p, level) for p in (a, b)]
        mask = _shrunk(inside.astype(np.float32), level) > 0.999
        found, textured = _window_scores(planes[0], planes[1], mask)
        if len(found):
            scores.append(float(np.sort(found)[int(len(found) * forgiven_share)]))
            evidence = max(evidence, float(textured.mean()))
    return min(scores, default=0.0), evidence >= _MIN_TEXTURED


def _detail(plane: Plane) -> Plane:
    smooth = cv2.GaussianBlur(plane, (0, 0), 1.0, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth - cv2.GaussianBlur(smooth, (0, 0), 5.0, borderType=cv2.BORDER_REFLECT), np.float32)


def _window_scores(a: Plane, b: Plane, mask: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Structure and contrast terms of SSIM (Wang et al. 2004) on detail, one value a window, and which have texture.

    (2 cov + c) / (var_a + var_b + c) with c = 2 noise²: windows that hold only noise agree and say nothing.
    """
    detail_a, detail_b = _detail(a), _detail(b)
    gain = float((detail_a * detail_b)[mask].sum() / max((detail_b[mask] ** 2).sum(), 1e-6))
    detail_b *= np.float32(np.clip(gain, 0.5, 2.0))
    side = (min(_WINDOW, a.shape[1]), min(_WINDOW, a.shape[0]))

    def mean(plane: Plane) -> Plane:
        return np.asarray(cv2.blur(plane, side, borderType=cv2.BORDER_REFLECT), np.float32)

    mean_a, mean_b = mean(detail_a), mean(detail_b)
    var_a = mean(detail_a * detail_a) - mean_a * mean_a
    var_b = mean(detail_b * detail_b) - mean_b * mean_b
    cov = mean(detail_a * detail_b) - mean_a * mean_b
    c = np.float32(2 * _NOISE**2)
    scores = np.asarray((2 * cov + c) / (var_a + var_b + c), np.float32)
    covered = mean(mask.astype(np.float32)) > 0.999
    half = _WINDOW // 2
    rows, columns = slice(min(half, a.shape[0] // 2), None, _STRIDE), slice(min(half, a.shape[1] // 2), None, _STRIDE)
    chosen = covered[rows, columns]
    textured = np.maximum(var_a, var_b)[rows, columns][chosen] > _TEXTURE**2
    return scores[rows, columns][chosen], textured


def _plain_agreement(a: Plane, b: Plane, inside: NDArray[np.bool_]) -> float:
    """Pictures without detail are equal only if their tones are: 1 at no difference, 0 at `_PLAIN_DIFFERENCE`."""
    difference = cv2.blur(np.abs(a - b) * inside, (_WINDOW, _WINDOW))
    worst = float(difference[inside].max()) if inside.any() else np.inf
    return max(0.0, 1 - worst / _PLAIN_DIFFERENCE)
