"""What the report remembers of the measured columns: one histogram per screen, by what became of the row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from million_ird.report.columns import numbers
from million_ird.report.histogram import Histogram
from million_ird.report.inputs import ReportScreen

KEPT, ELSEWHERE, ALONE, ALSO = range(4)
"""Passes every screen; passes this one but was rejected; fails this one only; fails this one and another."""


class ScreenCounts:
    """Histograms of every screen of one table, and how many rows the recipe's intervals and the rows disagree on."""

    def __init__(self, screens: tuple[ReportScreen, ...]) -> None:
        self.screens = screens
        self.histograms = tuple(Histogram(4) for _ in screens)
        self.below = [0] * len(screens)
        self.above = [0] * len(screens)
        self.disagreeing = 0
        """Rows whose verdict is not the one that these intervals give."""

    def add(
        self, batch: pa.RecordBatch, judged: npt.NDArray[np.bool_], kept: npt.NDArray[np.bool_]
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Count the `judged` rows (n,) of a batch; `kept` (n,) is their verdict. Returns every column, unmasked."""
        columns = {screen.name: numbers(batch, screen.name) for screen in self.screens}
        if not self.screens:
            return columns
        values = np.stack([columns[screen.name][judged] for screen in self.screens])  # (screens, rows)
        low = np.array([[-np.inf if s.low is None else s.low] for s in self.screens])
        high = np.array([[np.inf if s.high is None else s.high] for s in self.screens])
        below, above = values < low, values > high  # NaN is neither
        failed = below | above
        failures = failed.sum(axis=0)
        stays = kept[judged]
        self.disagreeing += int(np.count_nonzero(stays & (failures > 0)))
        unexplained = ~stays & (failures == 0)  # judged by something that is no interval, or by other thresholds
        for place, histogram in enumerate(self.histograms):
            others = failures - failed[place] + unexplained
            classes = np.where(failed[place], np.where(others > 0, ALSO, ALONE), np.where(others > 0, ELSEWHERE, KEPT))
            histogram.add(values[place], classes)
            self.below[place] += int(np.count_nonzero(below[place]))
            self.above[place] += int(np.count_nonzero(above[place]))
        return columns


def bound_of(reason: str, screens: tuple[ReportScreen, ...]) -> tuple[ReportScreen, float] | None:
    """The screen and the threshold that a reason speaks of; None if it speaks of none."""
    for screen in screens:
        for name, bound in screen.bounds:
            if name == reason:
                return screen, bound
    return None
