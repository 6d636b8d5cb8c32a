"""Where the patches of an image lie, and which of them are kept.

A patch is a square of the image in stored orientation. The grid has no overlap, starts at the margin and is the same
whatever the image's format, so that a JPEG and its PNG copy give patches of the same pixels. What does not fill a
whole square at the right and lower edge is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from million_ird.errors import UsageError
from million_ird.records import Rejection

GRID_STEP = 32
"""Pixels. The largest MCU side of a JPEG that can be cut in the coefficient domain (4:1:1 sampling); margins are
rounded up to it, and a `size` that is a multiple of it keeps every box on MCU borders."""


@dataclass(frozen=True, slots=True)
class Box:
    """Position and size of a patch in its image, in pixels of the stored orientation."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class PatchSettings:
    """Which patches are cut, and how: the recipe's section `[patches]`."""

    size: int = 512
    """Side of a patch in pixels (DyNet: 512). A multiple of 32 lets JPEG sources be cut without decoding; any other
    size (a multiple of 8 to be measured whole) is cut from pixels and stored as lossless WebP."""
    margin: int = 0
    """Pixels left out along every edge of the image, rounded up to a multiple of 32 (the largest MCU side)."""
    max_per_image: int = 0
    """Largest number of patches kept of one image, chosen after the flatness screen; 0 for no limit. A limit keeps a
    few very large images from dominating."""
    flat_variance: float = 12.0
    """A cell of 8×8 pixels is flat if the coarse part of its luma variance (see `flatness`) is below this, in squared
    grey levels of 0..255. Source of the default: the labelled examples of docs/flatness.md."""
    max_flat_fraction: float = 0.5
    """A patch with a larger share of flat cells is rejected as `flat` (DyNet and LSDIR: 50 %)."""
    huffman: Literal["standard", "optimised"] = "standard"
    """Huffman tables of patches cut in the coefficient domain: the standard's example tables, or tables optimised for
    each patch. Optimised ones save 3 to 17 % of the bytes and cost two thirds more time with libturbojpeg 3, five times
    as much without (docs/flatness.md)."""

    def __post_init__(self) -> None:
        if self.size < GRID_STEP:
            raise UsageError(f"patches.size must be at least {GRID_STEP} pixels, not {self.size}")
        for name in ("margin", "max_per_image"):
            if getattr(self, name) < 0:
                raise UsageError(f"patches.{name} must not be negative, but is {getattr(self, name)}")
        if not self.flat_variance >= 0:
            raise UsageError(f"patches.flat_variance must be 0 or more, not {self.flat_variance}")
        if not 0 <= self.max_flat_fraction <= 1:
            raise UsageError(f"patches.max_flat_fraction must be between 0 and 1, not {self.max_flat_fraction}")
        if self.huffman not in ("standard", "optimised"):
            raise UsageError(f"patches.huffman must be standard or optimised, not {self.huffman!r}")

    @property
    def effective_margin(self) -> int:
        """The margin as used: rounded up to a multiple of 32 pixels."""
        return -(-self.margin // GRID_STEP) * GRID_STEP


def grid(width: int, height: int, settings: PatchSettings) -> list[Box]:
    """The candidate boxes of an image of `width` × `height` pixels, row by row; empty if not one patch fits."""
    size, margin = settings.size, settings.effective_margin
    return [
        Box(x, y, size, size)
        for y in range(margin, height - margin - size + 1, size)
        for x in range(margin, width - margin - size + 1, size)
    ]


def judge(boxes: Sequence[Box], flat_fractions: Sequence[float], settings: PatchSettings) -> list[Rejection | None]:
    """Judge the candidate patches of one image.

    Args:
        boxes: the candidates, as `grid` gave them.
        flat_fractions: share of flat cells of each (see `flatness`).
        settings: the limits.

    Returns:
        for each box None if it is kept, else its rejection by the step `cut`: `flat` (measured: its flat fraction), or
        `over_limit` (measured: how many good patches the image had).
    """
    good = [i for i, flat in enumerate(flat_fractions) if flat <= settings.max_flat_fraction]
    chosen = good
    if settings.max_per_image and len(good) > settings.max_per_image:
        chosen = choose(boxes, flat_fractions, good, settings.max_per_image)
    verdicts: list[Rejection | None] = []
    for i, flat in enumerate(flat_fractions):
        if flat > settings.max_flat_fraction:
            verdicts.append(Rejection("cut", "flat", flat))
        elif i not in chosen:
            verdicts.append(Rejection("cut", "over_limit", float(len(good)), f"at most {settings.max_per_image}"))
        else:
            verdicts.append(None)
    return verdicts


def choose(boxes: Sequence[Box], flat_fractions: Sequence[float], good: Sequence[int], limit: int) -> list[int]:
    """Choose `limit` of the candidates `good` (indices of `boxes`), spread over the image.

    The patch with the fewest flat cells comes first; then always the one farthest from those already chosen, of equally
    far ones the one with fewer flat cells, then the earlier. Neighbours mostly show the same thing, so this gives more
    different content than the most detailed patches would (which would also prefer grass and grain).

    Returns:
        the chosen indices in ascending order.
    """
    first = min(good, key=lambda i: (flat_fractions[i], i))
    chosen = [first]
    distance = {i: _squared_distance(boxes[i], boxes[first]) for i in good if i != first}
    while len(chosen) < limit and distance:
        farthest = min(distance, key=lambda i: (-distance[i], flat_fractions[i], i))
        chosen.append(farthest)
        del distance[farthest]
        for i in distance:
            distance[i] = min(distance[i], _squared_distance(boxes[i], boxes[farthest]))
    return sorted(chosen)


def _squared_distance(a: Box, b: Box) -> int:
    return (a.x - b.x) ** 2 + (a.y - b.y) ** 2
