"""A histogram of any numbers, in one pass and bounded memory, that is the same whatever the order of the rows.

A number falls into the bin given by its sign, its binary exponent and the first seven bits of its mantissa, so a bin is
at most 1/128 of its value wide and no range has to be known beforehand. Counts are integers and bins come from
`frexp`, which is exact: two machines agree to the last count. (The idea is that of HDR histograms and DDSketch.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_PARTS = 128
_LIMIT = 1e100
"""No screen measures such a number; beyond it, or below its inverse, differences and ratios of doubles overflow."""
_SHIFT = 1100  # moves every exponent of a double (-1073..1024) above zero

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bins:
    """The filled bins of a histogram in rising order."""

    low: Floats
    """Lower ends, clipped to the smallest value seen."""
    high: Floats
    """Upper ends, clipped to the largest value seen; equal to `low` where all values are one number."""
    counts: Counts
    """(bins, classes)."""


class Histogram:
    """Counts of values in logarithmic bins, separately for each of a few classes (kept, rejected, …)."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.missing = 0
        """Values that were null, not finite, or beyond 1e100."""
        self.whole = True
        """Whether every value was a whole number."""
        self.least = np.inf
        self.most = -np.inf
        self._counts: dict[int, int] = {}  # bin number × classes + class → count

    def add(self, values: Floats, classes: npt.NDArray[np.integer]) -> None:
        """Count `values` (n,), NaN = missing, each in its class (n,) of 0 ≤ class < `classes`."""
        finite = np.abs(values) < _LIMIT
        self.missing += int(values.size - np.count_nonzero(finite))
        values, classes = values[finite], classes[finite]
        values = np.where(np.abs(values) < 1 / _LIMIT, 0.0, values)
        if not values.size:
            return
        self.least = min(self.least, float(values.min()))
        self.most = max(self.most, float(values.max()))
        self.whole = self.whole and bool(np.all(values == np.floor(values)))
        codes = _bin_numbers(values) * self.classes + classes
        for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
            self._counts[int(code)] = self._counts.get(int(code), 0) + int(count)

    @property
    def total(self) -> int:
        """Values counted, the missing ones left out."""
        return sum(self._counts.values())

    def bins(self) -> Bins:
        """The filled bins; lengths 0 if nothing was counted."""
        numbers = sorted({code // self.classes for code in self._counts})
        counts = np.zeros((len(numbers), self.classes), np.int64)
        places = {number: place for place, number in enumerate(numbers)}
        for code, count in self._counts.items():
            counts[places[code // self.classes], code % self.classes] = count
        ends = [_bin_ends(number) for number in numbers]
        low = np.array([end[0] for end in ends], np.float64)
        high = np.array([end[1] for end in ends], np.float64)
        if self.whole:  # a bin that holds one whole number is that number
            low = np.ceil(low)
            high = np.where(np.ceil(high) - 1 <= low, low, high)
        return Bins(np.maximum(low, self.least), np.maximum(np.minimum(high, self.most), low), counts)


def _bin_numbers(values: Floats) -> Counts:
    mantissa, exponent = np.frexp(np.abs(values))
    part = ((mantissa - 0.5) * (2 * _PARTS)).astype(np.int64)
    number = (exponent.astype(np.int64) + _SHIFT) * _PARTS + part
    return np.where(values == 0, 0, np.where(values > 0, number, -number))


def _bin_ends(number: int) -> tuple[float, float]:
    if number == 0:
        return 0.0, 0.0
    exponent, part = divmod(abs(number), _PARTS)
    near = float(np.ldexp(0.5 + part / (2 * _PARTS), exponent - _SHIFT))
    far = float(np.ldexp(0.5 + (part + 1) / (2 * _PARTS), exponent - _SHIFT))
    return (near, far) if number > 0 else (-far, -near)


def mass_below(bins: Bins, weights: Counts, at: float) -> float:
    """How much of `weights` (bins,) lies below `at`, a bin that holds it being shared out evenly."""
    width = bins.high - bins.low
    inside = np.where(width > 0, (at - bins.low) / np.where(width > 0, width, 1), (at > bins.low).astype(float))
    return float(np.sum(weights * np.clip(inside, 0.0, 1.0)))


def quantile(bins: Bins, weights: Counts, q: float, whole: bool = False) -> float:
    """The value below which the share `q` of `weights` lies; to within the width of its bin. NaN if empty."""
    total = int(weights.sum())
    if not total:
        return float("nan")
    running = np.cumsum(weights)
    place = min(int(np.searchsorted(running, q * total, side="left")), len(running) - 1)
    while weights[place] == 0 and place + 1 < len(running):
        place += 1
    before = float(running[place] - weights[place])
    part = min(max((q * total - before) / float(weights[place]), 0.0), 1.0) if weights[place] else 0.0
    value = float(bins.low[place] + part * (bins.high[place] - bins.low[place]))
    return float(np.floor(value)) if whole else value
