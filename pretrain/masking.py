"""Which cells of a crop are degraded, which are masked, which stay clean, and what a masked cell shows.

A crop is a grid of square cells. DyNet (arXiv 2404.02154) degrades 50 % of its area and masks 30 %; the figure draws
cells of 16 pixels, filled white. What is published, what is drawn and what we do: docs/corruption.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from million_ird.errors import UsageError

Crop = npt.NDArray[np.uint8]
"""RGB, uint8, shape (side, side, 3)."""
Cells = npt.NDArray[np.bool_]
"""One truth value a cell, shape (side / cell, side / cell)."""
Fill = Literal["white", "black", "grey", "mean", "noise"]

_FLAT_FILLS = {"white": 255, "black": 0, "grey": 128}


@dataclass(frozen=True)
class MaskSettings:
    """How a crop is divided into degraded, masked and clean cells: the recipe's section `[mask]`.

    Controls: `degraded = 0` is masking only, `masked = 0` corruption only, both 0 leave the crop as it is, and
    `degraded = 1`, `masked = 0` is plain restoration of the whole crop.
    """

    cell: int = 16
    """Side of a cell in pixels; the crop's side must be a multiple (the figure of the paper: 8×8 cells on 128)."""
    degraded: float = 0.5
    """Share of the cells that are degraded, 0..1 (paper: 50 % of the area): 32 of 64."""
    masked: float = 0.3
    """Share of the cells that are masked, 0..1 (the paper's text; its figure masks half). Where it is no whole number
    of cells, the number varies so that this is its mean: 19 or 20 of 64, 19.2 on average."""
    disjoint: bool = True
    """Masked cells are exempt from degradation (the paper's shares add up to 80 % modified, 20 % clean). If false, the
    two sets are drawn independently and a mask may hide a degraded cell."""
    fill: Fill = "white"
    """What a masked cell shows: white (the figure of the paper), black, grey (128), mean (the mean colour of the cells
    that are not masked) or noise (every value uniform in 0..255)."""

    def __post_init__(self) -> None:
        if self.cell < 1:
            raise UsageError(f"mask.cell must be at least 1 pixel, not {self.cell}")
        for name in ("degraded", "masked"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"mask.{name} is a share from 0 to 1, not {getattr(self, name)}")
        if self.disjoint and self.degraded + self.masked > 1 + 1e-9:
            raise UsageError(
                f"mask.degraded + mask.masked must not exceed 1, but are {self.degraded} + {self.masked}; "
                "set mask.disjoint=false to let them overlap"
            )


@dataclass(frozen=True, slots=True)
class CellPlan:
    """What happens to each cell of one crop; a cell that is neither is left alone."""

    degraded: Cells
    masked: Cells


def cells_across(side: int, settings: MaskSettings) -> int:
    """Cells along one side of a crop. `UsageError` if the crop is no whole number of cells."""
    if side < settings.cell or side % settings.cell:
        raise UsageError(f"a crop of {side} pixels is no whole number of cells of mask.cell = {settings.cell} pixels")
    return side // settings.cell


def plan_cells(rng: np.random.Generator, side: int, settings: MaskSettings) -> CellPlan:
    """Draw the cells of one crop of `side` pixels: every set of the right size is equally likely.

    Raises:
        UsageError: `side` is no multiple of the cell.
    """
    across = cells_across(side, settings)
    count = across * across
    # One uniform number rounds both borders, so both means are exact and the sum never exceeds the grid.
    rounding = rng.random()
    degraded_until = _round(count * settings.degraded, rounding)
    masked_until = _round(count * (settings.degraded + settings.masked), rounding)
    order = rng.permutation(count)
    degraded, masked = np.zeros((2, count), np.bool_)
    degraded[order[:degraded_until]] = True
    if settings.disjoint:
        masked[order[degraded_until:masked_until]] = True
    else:
        masked[rng.permutation(count)[: _round(count * settings.masked, rounding)]] = True
    return CellPlan(degraded.reshape(across, across), masked.reshape(across, across))


def fill(crop: Crop, masked: Cells, settings: MaskSettings, rng: np.random.Generator) -> Crop:
    """A copy of the crop with its masked cells filled; `rng` is drawn from for the fill "noise" alone."""
    filled = crop.copy()
    if not masked.any():
        return filled
    cells = cell_view(filled, masked.shape)
    if settings.fill == "noise":
        shape = (int(masked.sum()), *cells.shape[2:])
        cells[masked] = np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
    elif settings.fill == "mean":
        cells[masked] = _mean_colour(cells, ~masked)
    else:
        cells[masked] = _FLAT_FILLS[settings.fill]
    return filled


def cell_view(crop: Crop, grid: tuple[int, ...]) -> Crop:
    """The crop's own pixels by cell, shape (rows, columns, cell, cell, 3); writing to it writes to the crop."""
    rows, columns = grid
    height, width = crop.shape[0] // rows, crop.shape[1] // columns
    return crop.reshape(rows, height, columns, width, 3).swapaxes(1, 2)


def _mean_colour(cells: Crop, visible: Cells) -> npt.NDArray[np.uint8]:
    """Mean of the visible cells, rounded; middle grey where nothing is visible."""
    if not visible.any():
        return np.full(3, _FLAT_FILLS["grey"], np.uint8)
    shown = cells[visible]
    sums = shown.sum(axis=(0, 1), dtype=np.uint32).sum(axis=0)  # in two steps: three times as fast as a mean
    mean: npt.NDArray[np.float64] = sums / (shown.size // 3)
    return np.rint(mean).astype(np.uint8)


def _round(expected: float, rounding: float) -> int:
    """A whole number whose mean over a `rounding` uniform in 0..1 is `expected`."""
    return int(round(expected, 9) + rounding)
