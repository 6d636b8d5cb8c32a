"""What speaks for blur at each pixel of a pair: differences, lost detail, and what lies around.

A trail betrays itself in three ways, and each fails somewhere: the frames differ in colour (not where object and
background look alike), the blurred one has less detail (not where there was none), and they stop correlating. Inside
a large even object nothing differs at all; there it counts that differences lie on all sides. All of it is measured
against the noise of this pair and against what a registration wrong by a fraction of a pixel would leave at edges.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]

DIFFERENCE_SCALES = (1.0, 2.0, 4.0, 8.0)
ENERGY_SCALES = (4.0, 10.0)
DETAIL_SCALES = (2.0, 5.0, 12.0)
CORRELATION_SCALES = (3.0, 8.0)
SURROUNDING_REACHES = (0.04, 0.1)
"""Share of the longer side within which differences are looked for on all sides."""

NAMES = (
    *(f"{what} {scale:g}" for scale in DIFFERENCE_SCALES for what in ("difference", "plain difference")),
    *(f"energy {scale:g}" for scale in ENERGY_SCALES),
    *(f"{what} {scale:g}" for scale in DETAIL_SCALES for what in ("detail lost", "detail there")),
    *(f"correlation {scale:g}" for scale in CORRELATION_SCALES),
    *(f"surrounded {reach:g} {how}" for reach in SURROUNDING_REACHES for how in ("least", "low", "mean", "most")),
)
"""One name for each plane of `pair_evidence`; numbers are standard deviations in pixels, or shares."""

_RAY_STEP = 4
_AXES = 8
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)


def pair_evidence(blurred: Plane, sharp: Plane) -> Plane:
    """Measures two frames that lie on each other and are exposed alike.

    Args:
        blurred, sharp: (H, W, 3) float32, values 0..255.

    Returns:
        (H, W, len(NAMES)) float32.
    """
    difference = blurred - sharp
    grey, grey_sharp = blurred @ _LUMA, sharp @ _LUMA
    noise = _noise(grey - grey_sharp)
    edges = np.asarray(cv2.dilate(_steepness(smooth(grey_sharp, 0.7)), np.ones((3, 3), np.uint8)), np.float32)
    differences = _differences(difference, edges)
    planes = [plane for pair in differences for plane in pair]
    planes += _energies(difference, edges)
    planes += _details(grey, grey_sharp, noise)
    planes += _correlations(grey, grey_sharp, noise)
    seen = np.maximum(differences[1][0], differences[2][0])
    planes += _surroundings(np.clip((seen - 1) / 1.5, 0, 1))
    return np.stack(planes, axis=-1)


def smooth(plane: Plane, sigma: float) -> Plane:
    """Gaussian smoothing; wide ones on a smaller picture, which is as good and much faster."""
    shrink = 4 if sigma >= 8 else 2 if sigma >= 4 else 1
    height, width = plane.shape[:2]
    if shrink == 1 or min(height, width) < 4 * shrink:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)
    small = cv2.resize(plane, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _noise(difference: Plane) -> float:
    """Standard deviation of the noise in a difference of luma, grey levels: robust, from its Laplacian.

    The 3 × 3 Laplacian with weights 1, 1, -4, 1, 1 turns white noise of deviation σ into one of √20 · σ.
    """
    laplacian = np.abs(cv2.Laplacian(difference, cv2.CV_32F))
    return 1.4826 * float(np.median(laplacian)) / 20**0.5 + 0.3


def _steepness(plane: Plane) -> Plane:
    across, down = (cv2.Sobel(plane, cv2.CV_32F, *axes, scale=1 / 8) for axes in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _differences(difference: Plane, edges: Plane) -> list[tuple[Plane, Plane]]:
    """At each scale the logarithm of the colour difference: in units of what is to be expected, and in grey levels."""
    found = []
    for sigma in DIFFERENCE_SCALES:
        size = np.sqrt(np.square(smooth(difference, sigma)).sum(axis=2) / np.float32(1.5))
        usual = 1.4826 * float(np.median(size)) / 1.2 + 0.15
        misplaced = 0.15 / sigma**0.5 * smooth(edges, sigma)
        found.append((np.log1p(size / np.sqrt(usual**2 + np.square(misplaced))), np.log1p(size)))
    return found


def _energies(difference: Plane, edges: Plane) -> list[Plane]:
    """The same for the energy of fine differences, whose signs cancel when they are averaged."""
    fine = np.square(smooth(difference, 0.7)).sum(axis=2)
    found = []
    for sigma in ENERGY_SCALES:
        size = np.sqrt(np.maximum(smooth(fine, sigma), 0))
        usual = float(np.median(size)) + 0.2
        found.append(np.log1p(size / np.sqrt(usual**2 + 0.04 * smooth(np.square(edges), sigma))))
    return found


def _details(grey: Plane, grey_sharp: Plane, noise: float) -> list[Plane]:
    """At each scale the logarithm of the gradient energy left in the blurred frame, and of that in the sharp one."""
    floor = np.float32(0.375 * noise**2 + 0.05)  # what noise alone has: Sobel's weights squared, both directions
    energy, energy_sharp = (np.square(_steepness(plane)) for plane in (grey, grey_sharp))
    found = []
    for sigma in DETAIL_SCALES:
        left, there = (np.maximum(smooth(plane, sigma), 0) + floor for plane in (energy, energy_sharp))
        found += [np.log(left / there), np.log(there / floor)]
    return found


def _correlations(grey: Plane, grey_sharp: Plane, noise: float) -> list[Plane]:
    """Local correlation of the frames; near 1 where there is only noise, so that noise is no evidence."""
    floor = np.float32(2 * noise**2 + 0.3)
    found = []
    for sigma in CORRELATION_SCALES:
        mean, mean_sharp = smooth(grey, sigma), smooth(grey_sharp, sigma)
        variance = np.maximum(smooth(grey * grey, sigma) - mean * mean, 0) + floor
        variance_sharp = np.maximum(smooth(grey_sharp * grey_sharp, sigma) - mean_sharp * mean_sharp, 0) + floor
        shared = smooth(grey * grey_sharp, sigma) - mean * mean_sharp + floor
        found.append(shared / np.sqrt(variance * variance_sharp))
    return found


def _surroundings(seen: Plane) -> list[Plane]:
    """How much is seen on both sides of a pixel, along eight axes: least, second least, mean and most of them."""
    height, width = seen.shape
    size = (-(-width // _RAY_STEP), -(-height // _RAY_STEP))
    small = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.float32)
    found = []
    for share in SURROUNDING_REACHES:
        reach = max(3, int(share * max(small.shape)))
        sides = np.sort(np.stack([_on_both_sides(small, 180 * axis / _AXES, reach) for axis in range(_AXES)]), axis=0)
        found += [np.asarray(cv2.resize(p, (width, height))) for p in (sides[0], sides[2], sides.mean(0), sides[-1])]
    return found


def _on_both_sides(seen: Plane, angle: float, reach: int) -> Plane:
    """The lesser of what is seen within `reach` pixels along an axis and against it."""
    height, width = seen.shape
    side = int(np.ceil(np.hypot(height, width))) + 2
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1))
    turn[:, 2] += ((side - width) / 2, (side - height) / 2)
    turned = cv2.warpAffine(seen, turn, (side, side), flags=cv2.INTER_LINEAR)
    row = np.ones((1, reach), np.uint8)
    ahead, behind = (cv2.dilate(turned, row, anchor=(anchor, 0)) for anchor in (0, reach - 1))
    both = np.minimum(ahead, behind)
    return np.asarray(cv2.warpAffine(both, turn, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))
