"""What a proposal is, and how sure it may be of itself."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from annotation.registration import Registration

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Region:
    """One piece of a proposed mask.

    Attributes:
        x, y, width, height: its box, pixels.
        area: pixels.
        probability: mean probability of blur inside it, 0..1.
    """

    x: int
    y: int
    width: int
    height: int
    area: int
    probability: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A mask that a machine suggests.

    Attributes:
        mask: (H, W) bool, True = blurred; empty where nothing was found.
        confidence: 0..1, the intersection over union with a person's mask that is to be expected; 0 for an empty mask.
        registration: how the sharp frame lay, None for a frame alone.
        regions: the pieces of the mask, largest first.
        note: one line for the person who looks at it.
    """

    mask: Mask
    confidence: float
    registration: Registration | None
    regions: tuple[Region, ...]
    note: str


def expected_overlap(probability: Plane, mask: Mask) -> float:
    """The intersection over union that a mask will have if every pixel is blurred with its probability, 0..1.

    Expected intersection over expected union: Σ p inside / (area + Σ p outside). It believes the probabilities, so it
    has to be calibrated.
    """
    inside, everywhere = float(probability[mask].sum()), float(probability.sum(dtype=np.float64))
    union = float(np.count_nonzero(mask)) + everywhere - inside
    return inside / union if union > 0 else 0.0


def regions(probability: Plane, mask: Mask) -> tuple[Region, ...]:
    """The connected pieces of a mask, largest first."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sums = np.bincount(labels.ravel(), weights=probability.ravel(), minlength=count)
    found = []
    for piece in range(1, count):
        x, y, width, height, area = (int(number) for number in statistics[piece])
        found.append(Region(x, y, width, height, area, float(sums[piece] / area)))
    return tuple(sorted(found, key=lambda region: -region.area))
