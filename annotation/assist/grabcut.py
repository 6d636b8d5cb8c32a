"""An object cut out of a box: GrabCut on a small copy, and its border settled again on the picture's own pixels.

GrabCut (Rother, Kolmogorov & Blake, "GrabCut: interactive foreground extraction using iterated graph cuts", SIGGRAPH
2004; `cv2.grabCut`) takes minutes on a whole photograph, so it sees the box and some surroundings at 300 pixels at
most. What that leaves open, the pixels near the border, is decided at full resolution: a pixel belongs to whichever of
the mean colours of the object and of the background nearby it lies closer to, along the line between the two (the
compositing equation I = αF + (1 - α)B, solved for α, at α = 1/2).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from annotation.mask import Mask
from annotation.records import Rect
from million_ird.errors import UsageError

Pixels = npt.NDArray[np.uint8]
Planes = npt.NDArray[np.float32]
Point = tuple[int, int]

_SURROUNDINGS = 0.25
"""Of the box's sides: how much around it shows what the background looks like."""
_LEAST_SURROUNDINGS = 8
_SMALL = 300
"""Longest side in pixels of what GrabCut sees: 0.1 to 0.3 s, 0.7 s where it finds nothing but noise."""
_ROUNDS = 3
"""A fourth has been seen to change some pixels in 90,000."""
_LARGEST = 2400
"""Longest side in pixels of box and surroundings. The copy is then 8 times smaller; details of 10 pixels would go."""
_NEXT_TO_NOTHING = 0.05
"""Of the box: a smaller answer means that the object's colours were taken for the background's."""
_MIDDLE = 0.1
"""Squared radius, of the box's ellipse, that is then taken for the object: a tenth of the ellipse's area."""
_UNDECIDED = 2.0
"""Pixels of the small copy, to both sides of its border, that are decided again."""
_NEARBY = 4.0
"""Pixels of the small copy beyond these that say what colours are like nearby."""
_LEAST_CONTRAST = 10.0
"""Grey levels (distance in RGB) between object and background, below which colours decide nothing."""
_NOISE_SIGMA = 1.0
_SPECK = 5
"""Side in pixels of the median that clears what noise left at the border."""
TIME_LIMIT = 4.0
"""Seconds after which no further round is begun: the answer is then what the rounds before have found."""


@dataclass(frozen=True)
class Hints:
    """Pixels that a person says belong to the object, or do not; (x, y) in the picture."""

    foreground: Sequence[Point] = ()
    background: Sequence[Point] = ()


def cut_out(picture: Pixels, box: Rect, hints: Hints | None = None, time_limit: float = TIME_LIMIT) -> Mask:
    """The object inside a box.

    Args:
        picture: RGB, uint8, (H, W, 3), the whole picture.
        box: around the object, with a little of the background on each side; nothing outside it is taken.
        hints: what a person knows.
        time_limit: seconds after which what has been found so far is the answer.

    Returns:
        bool (box.height, box.width).

    Raises:
        UsageError: the box is too large, not inside the picture, or leaves no background or no object to look at.
            The text says what to do.
    """
    hints = hints or Hints()
    area = _area_of(picture, box)
    crop = picture[area.y : area.y + area.height, area.x : area.x + area.width]
    scale = min(1.0, _SMALL / max(area.width, area.height))
    size = (max(1, round(area.width * scale)), max(1, round(area.height * scale)))
    small = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA) if scale < 1 else crop, np.uint8)
    marks = _marks(small.shape[:2], area, box, hints)
    _cut(small, marks, time.monotonic() + time_limit)
    mask = _refine(crop, _is_object(marks), scale) if scale < 1 else _is_object(marks)
    top, left = box.y - area.y, box.x - area.x
    inside = mask[top : top + box.height, left : left + box.width].copy()
    _impose(inside, box, hints)
    return inside


def _area_of(picture: Pixels, box: Rect) -> Rect:
    """Box and surroundings, within the picture."""
    height, width = picture.shape[:2]
    if box.x + box.width > width or box.y + box.height > height or min(box.width, box.height) < 2:
        raise UsageError("draw the box inside the picture, at least 2 pixels wide and high")
    aside, above = (max(_LEAST_SURROUNDINGS, round(side * _SURROUNDINGS)) for side in (box.width, box.height))
    left, top = max(0, box.x - aside), max(0, box.y - above)
    right, bottom = min(width, box.x + box.width + aside), min(height, box.y + box.height + above)
    if max(right - left, bottom - top) > _LARGEST:
        largest = round(_LARGEST / (1 + 2 * _SURROUNDINGS))
        raise UsageError(
            f"a box of {box.width}x{box.height} pixels is too large to cut at once: {largest} a side are the most"
        )
    return Rect(left, top, right - left, bottom - top)


def _marks(shape: tuple[int, ...], area: Rect, box: Rect, hints: Hints) -> npt.NDArray[np.uint8]:
    """What GrabCut starts from: background outside the box, inside it the ellipse that it holds for the object and the
    corners for background, both open to doubt, and hints as they are."""
    rows, columns = shape[0] / area.height, shape[1] / area.width
    top, bottom = round((box.y - area.y) * rows), round((box.y + box.height - area.y) * rows)
    left, right = round((box.x - area.x) * columns), round((box.x + box.width - area.x) * columns)
    bottom, right = max(bottom, top + 1), max(right, left + 1)
    marks = np.full(shape, cv2.GC_BGD, np.uint8)
    ellipse = _from_middle(bottom - top, right - left) <= 1
    marks[top:bottom, left:right] = np.where(ellipse, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    for points, value in ((hints.foreground, cv2.GC_FGD), (hints.background, cv2.GC_BGD)):
        for x, y in _within(points, area):
            marks[int(y * rows), int(x * columns)] = value
    if not (marks == cv2.GC_BGD).any():
        raise UsageError("the box leaves nothing of the background to compare with: draw it smaller")
    if not _is_object(marks).any():
        raise UsageError("everything inside the box is marked as background: mark some of the object")
    return marks


def _from_middle(height: int, width: int) -> npt.NDArray[np.float64]:
    """Squared distance from the middle of a rectangle, 1 where its sides are touched in their middles."""
    ys, xs = ((2 * np.arange(side) + 1) / side - 1 for side in (height, width))
    return np.add.outer(ys**2, xs**2)


def _cut(small: Pixels, marks: npt.NDArray[np.uint8], deadline: float) -> None:
    """GrabCut; where it finds next to nothing, again with the box's middle as surely the object. Changes `marks`."""
    begun = marks.copy()
    _iterate(small, marks, deadline)
    open_to_doubt = (begun == cv2.GC_PR_FGD) | (begun == cv2.GC_PR_BGD)
    if np.count_nonzero(_is_object(marks)) >= _NEXT_TO_NOTHING * np.count_nonzero(open_to_doubt):
        return
    marks[:] = begun
    ys, xs = np.nonzero(open_to_doubt)
    window = marks[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    window[(window == cv2.GC_PR_FGD) & (_from_middle(*window.shape) <= _MIDDLE)] = cv2.GC_FGD
    _iterate(small, marks, deadline)


def _iterate(small: Pixels, marks: npt.NDArray[np.uint8], deadline: float) -> None:
    """Rounds of GrabCut, one by one, so that the clock is looked at between them; changes `marks`."""
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its colour models begin at random: the same box is to have the same answer
    for number in range(_ROUNDS):
        before = marks.copy()
        mode = cv2.GC_EVAL if number else cv2.GC_INIT_WITH_MASK
        cv2.grabCut(np.ascontiguousarray(small), marks, (0, 0, 0, 0), background, foreground, 1, mode)
        is_settled = np.array_equal(before, marks) or not _is_object(marks).any()
        if is_settled or time.monotonic() > deadline:
            return  # without any object left, the next round would have no colours to learn


def _is_object(marks: npt.NDArray[np.uint8]) -> Mask:
    return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _refine(crop: Pixels, coarse: Mask, scale: float) -> Mask:
    """The border of a small mask, decided by the pixels of `crop` near it; `scale` is the small copy's."""
    height, width = crop.shape[:2]
    enlarged = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    mask = (enlarged > 0.5).astype(np.uint8)
    reach = int(np.ceil(_UNDECIDED / scale))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inner, outer = np.asarray(cv2.erode(mask, disc), np.uint8), np.asarray(1 - cv2.dilate(mask, disc), np.uint8)
    window = 2 * (reach + int(np.ceil(_NEARBY / scale))) + 1
    colours = crop.astype(np.float32)
    of_object, of_background = (_mean_nearby(colours, sure, window) for sure in (inner, outer))
    line = of_object - of_background
    contrast = (line * line).sum(axis=2)
    calm = cv2.GaussianBlur(colours, (0, 0), _NOISE_SIGMA)
    along = ((calm - of_background) * line).sum(axis=2)
    # Where there is nothing sure nearby the mean is NaN, which compares as False: the enlarged mask stands.
    decided = (inner == 0) & (outer == 0) & (contrast > _LEAST_CONTRAST**2)
    mask[decided] = (along > 0.5 * contrast)[decided]
    cleared = np.asarray(cv2.medianBlur(mask, _SPECK), np.uint8)
    return cleared.view(np.bool_)


def _mean_nearby(colours: Planes, sure: npt.NDArray[np.uint8], window: int) -> Planes:
    """Mean colour of the sure pixels in a square of side `window` around each pixel; NaN where there are none."""
    size = (window, window)
    weights = sure.astype(np.float32)
    count = cv2.boxFilter(weights, -1, size, normalize=False)
    total = cv2.boxFilter(colours * weights[:, :, None], -1, size, normalize=False)
    count[count < 0.5] = np.nan
    return np.asarray(total / count[:, :, None], np.float32)


def _impose(mask: Mask, box: Rect, hints: Hints) -> None:
    """What a person said about a pixel is true of that pixel."""
    for points, value in ((hints.foreground, True), (hints.background, False)):
        for x, y in _within(points, box):
            mask[y, x] = value


def _within(points: Iterable[Point], area: Rect) -> Iterable[Point]:
    """Those inside the area, counted from its corner."""
    for x, y in points:
        if area.x <= x < area.x + area.width and area.y <= y < area.y + area.height:
            yield x - area.x, y - area.y
