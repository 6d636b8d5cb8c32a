"""How far two people agree about one picture: in shape, and in what the metrics would say under either mask."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from annotation.mask import Mask
from annotation.overlap import boundary_f, default_tolerance, iou
from annotation.registration import apply, register
from million_ird.errors import MillionIrdError
from million_ird.metrics import weighted_psnr, weighted_ssim

Pixels = npt.NDArray[np.uint8]

_SSIM_REACH = 5
"""Pixels that a window of SSIM reaches beyond its centre."""


@dataclass(frozen=True, slots=True)
class AgreeSettings:
    """How masks are compared."""

    tolerance: int | None = None
    """Pixels that outlines may lie apart and still agree. At least 0; not given: 0.8 % of the diagonal, rounded up,
    DAVIS' default."""
    margin: int = 3
    """Pixels by which each mask is widened and narrowed, to compare the disagreement with that of a thicker or
    thinner pen. At least 1; ours."""

    def __post_init__(self) -> None:
        if self.tolerance is not None and self.tolerance < 0:
            raise ValueError(f"tolerance is at least 0 pixels, not {self.tolerance}")
        if self.margin < 1:
            raise ValueError(f"margin is at least 1 pixel, not {self.margin}")


@dataclass(frozen=True, slots=True)
class Opinions:
    """Two masks of one picture."""

    name: str
    annotators: tuple[str, str]
    masks: tuple[Mask, Mask]
    blurred: Callable[[], Pixels] | None = None
    """Upright RGB (H, W, 3) uint8; may raise a MillionIrdError. None where only shapes are compared."""
    sharp: Callable[[], Pixels] | None = None
    """The same of the sharp frame; None of a single frame."""
    missing: str = "single frame, so no dB"
    """Why there is no sharp frame, where there is none."""


@dataclass(frozen=True, slots=True)
class Scores:
    """A metric of the blurred against the sharp frame, weighted by one mask; None where the mask leaves nothing."""

    mask: float | None
    dilated: float | None
    """Under the mask widened by the margin."""
    eroded: float | None
    """Under the mask narrowed by it."""

    @property
    def swing(self) -> float | None:
        """How far the margin moves it, at most."""
        moves = [_difference(self.mask, other) for other in (self.dilated, self.eroded)]
        known = [abs(move) for move in moves if move is not None]
        return max(known, default=None)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two masks of one picture have in common."""

    name: str
    annotators: tuple[str, str]
    shares: tuple[float, float]
    """Blurred share of the picture, 0 to 1."""
    iou: float
    boundary_f: float
    tolerance: int
    """Pixels, of `boundary_f`."""
    psnr: tuple[Scores, Scores] | None = None
    """dB; None where there is no sharp frame to compare with."""
    ssim: tuple[Scores, Scores] | None = None
    note: str = ""
    """Why something was not measured."""

    @property
    def psnr_difference(self) -> float | None:
        """PSNR under the first mask minus that under the second, in dB."""
        return _difference(self.psnr[0].mask, self.psnr[1].mask) if self.psnr else None

    @property
    def ssim_difference(self) -> float | None:
        return _difference(self.ssim[0].mask, self.ssim[1].mask) if self.ssim else None

    @property
    def psnr_swing(self) -> float | None:
        """The larger of both masks' `Scores.swing`, in dB."""
        return max((s for each in self.psnr or () if (s := each.swing) is not None), default=None)


def compare(opinions: Opinions, settings: AgreeSettings) -> Agreement:
    """Compares two masks of one size.

    Raises:
        ValueError: the masks differ in size.
    """
    first, second = opinions.masks
    tolerance = settings.tolerance if settings.tolerance is not None else default_tolerance(*first.shape)
    scores, note = _scores(opinions, settings.margin)
    return Agreement(
        name=opinions.name,
        annotators=opinions.annotators,
        shares=(float(first.mean()), float(second.mean())),
        iou=iou(first, second),
        boundary_f=boundary_f(first, second, tolerance),
        tolerance=tolerance,
        psnr=scores[0] if scores else None,
        ssim=scores[1] if scores else None,
        note=note,
    )


def grown(mask: Mask, pixels: int) -> Mask:
    """The mask widened by a disc of this radius; narrowed where it is negative. The picture's border is no outline."""
    radius = abs(pixels)
    ticks = np.arange(-radius, radius + 1)
    disc = (ticks[:, None] ** 2 + ticks**2 <= radius**2).astype(np.uint8)
    change, border = (cv2.dilate, 0) if pixels > 0 else (cv2.erode, 1)
    return np.asarray(change(mask.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=border) > 0)


def _scores(opinions: Opinions, margin: int) -> tuple[tuple[tuple[Scores, Scores], tuple[Scores, Scores]] | None, str]:
    """(PSNR, SSIM) under the first and the second mask, or None and why."""
    if opinions.sharp is None or opinions.blurred is None:
        return None, opinions.missing
    try:
        blurred, sharp = opinions.blurred(), opinions.sharp()
        registration = register(blurred, sharp)
    except MillionIrdError as error:
        return None, f"no dB: {error}"
    laid = apply(registration, sharp)
    note = "" if registration.trusted else f"not registered: {registration.reason}"
    psnr, ssim = zip(*(_under(mask, blurred, laid, margin) for mask in opinions.masks), strict=True)
    if any(not mask.any() for mask in opinions.masks):
        note = "; ".join(filter(None, (note, "a mask is empty")))
    return ((psnr[0], psnr[1]), (ssim[0], ssim[1])), note


def _under(mask: Mask, blurred: Pixels, sharp: Pixels, margin: int) -> tuple[Scores, Scores]:
    """PSNR and SSIM under a mask, widened and narrowed."""
    masks = (mask, grown(mask, margin), grown(mask, -margin))
    window = _window(masks[1])
    if window is None:
        return Scores(None, None, None), Scores(None, None, None)
    pair = blurred[window] / 255, sharp[window] / 255
    psnr = [_measured(partial(weighted_psnr, *pair), each[window]) for each in masks]
    ssim = [_measured(partial(weighted_ssim, *pair), each[window]) for each in masks]
    return Scores(*psnr), Scores(*ssim)


def _window(mask: Mask) -> tuple[slice, slice] | None:
    """What of the picture the metrics look at, for the windows of SSIM as well; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    low = [max(0, int(places[0]) - _SSIM_REACH) for places in (rows, columns)]
    return slice(low[0], int(rows[-1]) + _SSIM_REACH + 1), slice(low[1], int(columns[-1]) + _SSIM_REACH + 1)


def _measured(metric: Callable[[Mask, float], float], mask: Mask) -> float | None:
    try:
        return metric(mask, 1.0)
    except ValueError:  # nothing is left of the mask, or nothing of it but the picture's edge
        return None


def _difference(a: float | None, b: float | None) -> float | None:
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return None
    return a - b
