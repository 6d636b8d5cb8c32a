"""How the sharp frame of a pair lies on the blurred one, and how much brighter or darker it is.

The two frames of a pair show one scene, but a beam splitter, a second exposure or a hand leaves them a fraction of a
pixel to some pixels apart, and the exposures differ. The geometry is found by maximising the enhanced correlation
coefficient (Evangelidis & Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization",
TPAMI 2008; `cv2.findTransformECC`), which does not mind gain and offset, from coarse to fine: first a shift, then a
shift with a rotation. What moved between the frames is recognised by its residual and left out.

A registration that cannot be believed is not used: the frames then stay as they lie and `trusted` is False.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from annotation.exposure import Exposure, match_exposure
from million_ird.errors import MillionIrdError

Pixels = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

_LONGEST_SIDE = 1024
"""The finest level in pixels: shifts are found to about 0.02 of its pixels, finer ones only cost."""
_COARSEST_SIDE = 64
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-6)
_FEWEST_PIXELS = 24
"""Frames with a shorter side than this are not registered."""
_LARGEST_SHIFT = 0.1
"""Share of the longer side. Frames of a pair that lie further apart are more likely misunderstood than far apart."""
_LARGEST_ANGLE = 3.0
_COARSE_SLACK, _FINE_SLACK = 1.0, 0.3
"""By how many pixels a warp may be wrong while it is sought, and when it is nearly found."""
_ROTATION_GAIN = 0.95
"""Share of the residual that a rotation must leave at most to be believed."""
_LEAST_CORRELATION = 0.7
_LARGEST_UNCERTAINTY = 0.1
"""Standard deviation of the shift in pixels, above which the scene offers nothing to hold on to."""


class RegistrationError(MillionIrdError):
    """The two frames cannot belong to one pair."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Where the sharp frame lies, and how its exposure differs.

    Attributes:
        warp: (2, 3) float64, maps pixel positions (x, y, 1) of the blurred frame to positions in the sharp one.
        dx, dy: how far the sharp frame's content is displaced against the blurred one's in the middle of the picture,
            in pixels, to the right and down.
        angle: its rotation in degrees, clockwise on the screen.
        scale: its magnification; 1.0, as no model with a scale is fitted.
        correlation: of the blurred frame and the sharp one laid onto it, -1..1, over what does not move.
        trusted: False where the registration could not be believed; `warp` is then the identity.
        reason: why not, in words; "" if it can.
        exposure: what turns values of the sharp frame into values of the blurred one.
    """

    warp: Matrix
    dx: float
    dy: float
    angle: float
    scale: float
    correlation: float
    trusted: bool
    reason: str
    exposure: Exposure

    @property
    def gain(self) -> float:
        """How many times brighter the blurred frame is than the sharp one: mean of the three channels."""
        return self.exposure.gain


def register(blurred: Pixels, sharp: Pixels) -> Registration:
    """Finds how `sharp` lies on `blurred`.

    Args:
        blurred, sharp: RGB, uint8, (H, W, 3), of equal size.

    Raises:
        RegistrationError: the frames differ in size.
    """
    if blurred.shape != sharp.shape or blurred.ndim != 3 or blurred.shape[2] != 3:
        raise RegistrationError(
            "the frames of a pair must have one size: "
            f"the blurred frame is {_size(blurred)}, the sharp one {_size(sharp)}"
        )
    if min(blurred.shape[:2]) < _FEWEST_PIXELS:
        return _untouched(blurred, sharp, f"the picture is smaller than {_FEWEST_PIXELS} pixels")
    factor = min(1.0, _LONGEST_SIDE / max(blurred.shape[:2]))
    template, moving = _grey(blurred, factor), _grey(sharp, factor)
    warp = _coarse_to_fine(template, moving)
    reason = _doubt(template, moving, warp)
    if reason:
        return _untouched(blurred, sharp, reason)
    still = _still(template, moving, warp, _FINE_SLACK)
    if _residual(template, moving, warp, still) >= _residual(template, moving, np.eye(2, 3), still):
        warp = np.eye(2, 3)
    correlation = _correlation(template, _lay(moving, warp), still)
    return _describe(blurred, sharp, _rescale(warp, 1 / factor), correlation, "")


def apply(registration: Registration, sharp: Pixels) -> Pixels:
    """The sharp frame in the geometry of the blurred one: RGB, uint8, (H, W, 3); its border is repeated outwards."""
    if np.array_equal(registration.warp, np.eye(2, 3)):
        return sharp.copy()
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = (sharp.shape[1], sharp.shape[0])
    return np.asarray(
        cv2.warpAffine(sharp, registration.warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _size(picture: Pixels) -> str:
    return "×".join(map(str, (picture.shape[1], picture.shape[0]))) if picture.ndim >= 2 else "no picture"


def _grey(picture: Pixels, factor: float) -> Grey:
    """Luma 0..1, float32, at `factor` of the size."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if factor < 1:
        size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    # Smoothed, or else a shift by part of a pixel would be judged by how much its interpolation smooths.
    return np.asarray(cv2.GaussianBlur(np.asarray(grey, np.float32) / 255, (0, 0), 1), np.float32)


def _coarse_to_fine(template: Grey, moving: Grey) -> Matrix:
    """The warp of the sharp frame at full working size; the identity where no level converged."""
    levels = [(template, moving)]
    while max(levels[-1][0].shape) > 2 * _COARSEST_SIDE:
        levels.append(tuple(cv2.pyrDown(picture) for picture in levels[-1]))  # type: ignore[arg-type]
    warp = _best_start(*levels[-1])
    warp = _climb(*levels[-1], warp, cv2.MOTION_TRANSLATION, None)
    for fixed, loose in reversed(levels[:-1]):
        warp = _refine(fixed, loose, _rescale(warp, 2.0), _COARSE_SLACK)
    return _refine(template, moving, warp, _FINE_SLACK)


def _refine(template: Grey, moving: Grey, warp: Matrix, slack: float) -> Matrix:
    """A better warp from a good one, by what does not move; a shift, or a shift with a rotation."""
    still = _still(template, moving, warp, slack)
    shifted = _climb(template, moving, warp, cv2.MOTION_TRANSLATION, still)
    turned = _climb(template, moving, shifted, cv2.MOTION_EUCLIDEAN, still)
    # A rotation has to earn its place: it is one more way to be wrong where little is to be seen.
    limit = _ROTATION_GAIN * _residual(template, moving, shifted, still)
    return turned if _residual(template, moving, turned, still) < limit else shifted


def _best_start(template: Grey, moving: Grey) -> Matrix:
    """No shift, or the one by phase correlation of the coarsest level: whichever correlates better."""
    window = cv2.createHanningWindow((template.shape[1], template.shape[0]), cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(template, moving, window)
    shifted = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    starts = [np.eye(2, 3), shifted]
    return max(starts, key=lambda warp: _correlation(template, _lay(moving, warp), None))


def _climb(template: Grey, moving: Grey, warp: Matrix, motion: int, still: npt.NDArray[np.bool_] | None) -> Matrix:
    """One run of ECC from `warp`; `warp` itself where it does not converge."""
    mask = np.ones(moving.shape, np.uint8)
    if still is not None:  # OpenCV wants the mask in the geometry of the picture that is warped
        size = (moving.shape[1], moving.shape[0])
        mask = np.asarray(cv2.warpAffine(still.astype(np.uint8), warp, size, flags=cv2.INTER_NEAREST), np.uint8)
    try:
        _, found = cv2.findTransformECC(template, moving, warp.astype(np.float32), motion, _STOP, mask, 5)
    except cv2.error:  # it says so by an exception when frames do not correlate or nothing is left to correlate
        return warp
    return np.asarray(found, np.float64) if np.isfinite(found).all() else warp


def _lay(moving: Grey, warp: Matrix) -> Grey:
    """The sharp frame on the blurred one; NaN outside of it."""
    size = (moving.shape[1], moving.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    outside = float("nan")
    laid = cv2.warpAffine(moving, warp, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=outside)
    return np.asarray(laid, np.float32)


def _still(template: Grey, moving: Grey, warp: Matrix, slack: float) -> npt.NDArray[np.bool_]:
    """Where the frames agree but for gain and offset, (H, W) bool: what a registration may hold on to.

    `slack` is by how many pixels the warp may still be wrong: where the sharp frame has edges, a small shift leaves a
    large residual, and that is what is being sought.
    """
    laid = _lay(moving, warp)
    there = np.isfinite(laid)
    laid = np.where(there, laid, template)
    gain, offset = _fit(laid[there], template[there])
    residual = cv2.GaussianBlur(np.abs(template - gain * laid - offset), (0, 0), 2)
    edges = slack * cv2.GaussianBlur(_steepness(laid), (0, 0), 2)
    unexplained = residual - edges
    limit = np.median(unexplained) + 3 * 1.4826 * np.median(np.abs(unexplained - np.median(unexplained))) + 0.01
    moved = cv2.dilate((unexplained > limit).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    still = there & ~moved
    return still if still.mean() > 0.2 else there


def _steepness(picture: Grey) -> Grey:
    """Size of the gradient, per pixel."""
    across, down = (cv2.Sobel(picture, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _fit(source: Grey, target: Grey) -> tuple[float, float]:
    """Gain and offset by the quartiles: (gain, offset) with target ≈ gain · source + offset."""
    low, middle, high = np.percentile(source, (10, 50, 90))
    low_t, middle_t, high_t = np.percentile(target, (10, 50, 90))
    gain = float((high_t - low_t) / (high - low)) if high - low > 0.02 else 1.0
    return gain, float(middle_t - gain * middle)


def _residual(template: Grey, moving: Grey, warp: Matrix, still: npt.NDArray[np.bool_]) -> float:
    """Mean absolute difference over what stands still, weighted by steepness: flat areas agree wherever they lie."""
    laid = _lay(moving, warp)
    there = np.isfinite(laid) & still
    if there.sum() < 0.5 * still.sum():
        return float("inf")
    gain, offset = _fit(laid[there], template[there])
    weights = _steepness(template)[there]
    differences = np.abs(template[there] - gain * laid[there] - offset)
    return float((differences * weights).sum() / max(float(weights.sum()), 1e-9))


def _correlation(first: Grey, second: Grey, where: npt.NDArray[np.bool_] | None) -> float:
    """Pearson's coefficient where both are known, 0 where one of them does not vary."""
    there = np.isfinite(second) if where is None else np.isfinite(second) & where
    a, b = first[there], second[there]
    if a.size < 16 or a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _doubt(template: Grey, moving: Grey, warp: Matrix) -> str:
    """Why a warp cannot be believed, or "" if it can."""
    height, width = template.shape
    dx, dy, angle = _movement(warp, width, height)
    if max(abs(dx), abs(dy)) > _LARGEST_SHIFT * max(height, width):
        return f"the frames seem to lie {max(abs(dx), abs(dy)) / max(height, width):.0%} of the picture apart"
    if abs(angle) > _LARGEST_ANGLE:
        return f"the frames seem turned by {angle:.1f} degrees"
    still = _still(template, moving, warp, _FINE_SLACK)
    laid = _lay(moving, warp)
    if _uncertainty(template, laid, still) > _LARGEST_UNCERTAINTY:
        return "the scene has too little detail to hold on to"
    correlation = _correlation(template, laid, still)
    if correlation < _LEAST_CORRELATION:
        return f"the frames correlate too little ({correlation:.2f})"
    return ""


def _uncertainty(template: Grey, laid: Grey, still: npt.NDArray[np.bool_]) -> float:
    """Standard deviation of the shift in its worst direction, in pixels; the Cramér-Rao bound.

    The information about a shift is Σ ∇I ∇Iᵀ / σ². Noise has gradients too, but not the same in both frames, so that
    the products of one frame's gradients with the other's leave it out. Smoothing makes neighbours alike, so only one
    pixel in 25 counts.
    """
    smooth = [cv2.GaussianBlur(np.where(np.isfinite(laid), picture, 0), (0, 0), 2) for picture in (template, laid)]
    inside = cv2.erode(still.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    if inside.sum() < 100:
        return float("inf")
    across, down = ([cv2.Sobel(p, cv2.CV_32F, *axes, scale=1 / 8)[inside] for p in smooth] for axes in ((1, 0), (0, 1)))
    mixed = float((across[0] * down[1] + across[1] * down[0]).sum()) / 2
    tensor = np.array([[float((across[0] * across[1]).sum()), mixed], [mixed, float((down[0] * down[1]).sum())]])
    least = float(np.linalg.eigvalsh(tensor)[0]) / 25
    noise = float(np.std((smooth[0] - smooth[1])[inside])) + 1e-4
    return noise / np.sqrt(least) if least > 0 else float("inf")


def _rescale(warp: Matrix, factor: float) -> Matrix:
    """The same warp for pictures `factor` times as large; pixel centres lie at whole numbers."""
    out = warp.copy()
    middle = (factor - 1) / 2
    out[:, 2] = factor * warp[:, 2] + middle - warp[:, :2] @ np.array([middle, middle])
    return out


def _movement(warp: Matrix, width: int, height: int) -> tuple[float, float, float]:
    """(dx, dy) in the middle of the picture in pixels, angle in degrees."""
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    dx, dy = warp[:, :2] @ middle + warp[:, 2] - middle
    return float(dx), float(dy), float(np.degrees(np.arctan2(warp[1, 0], warp[0, 0])))


def _untouched(blurred: Pixels, sharp: Pixels, reason: str) -> Registration:
    factor = min(1.0, _LONGEST_SIDE / max(blurred.shape[:2]))
    correlation = _correlation(_grey(blurred, factor), _grey(sharp, factor), None)
    return _describe(blurred, sharp, np.eye(2, 3), correlation, reason)


def _describe(blurred: Pixels, sharp: Pixels, warp: Matrix, correlation: float, reason: str) -> Registration:
    dx, dy, angle = _movement(warp, blurred.shape[1], blurred.shape[0])
    geometry = Registration(warp, dx, dy, angle, 1.0, correlation, not reason, reason, Exposure.same())
    exposure = match_exposure(blurred, apply(geometry, sharp))
    return Registration(warp, dx, dy, angle, 1.0, correlation, not reason, reason, exposure)
