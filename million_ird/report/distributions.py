"""From a screen's histogram to what is drawn and told of it: bars, thresholds, and what moving them would keep."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from million_ird.report.collect.distributions import ALONE, ALSO, ELSEWHERE, KEPT, ScreenCounts
from million_ird.report.histogram import Bins, Histogram, mass_below, quantile
from million_ird.report.inputs import ReportScreen

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Shares of the rows for which the report tells the threshold that would keep them."""
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TAIL = 0.002  # share of the values at either end that may lie beyond the axis
_BARS = 44
_LOG_FROM = 30.0  # ratio of the 99.5th to the 5th percentile from which the axis is logarithmic

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """What share of the rows a moved threshold would keep, all other thresholds standing."""

    end: str
    """"low" or "high"."""
    population: int
    """Rows that pass every other threshold."""
    kept: int
    """Those of them that pass this one where it stands."""
    shares: Floats
    """(edges,) share of the population kept if the threshold stood at that edge."""
    thresholds: tuple[float, ...]
    """Where the threshold would have to stand to keep each of `SHARES`."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One screen, ready to be drawn."""

    screen: ReportScreen
    measured: int
    missing: int
    below: int
    """Values under the lower threshold, exactly counted."""
    above: int
    alone: int
    """Rows that only this screen rejects."""
    logarithmic: bool
    edges: Floats
    """(n + 1,) ends of the bars."""
    bars: Floats
    """(n, 3): kept, rejected elsewhere, outside this interval."""
    beyond: int
    """Values beyond either end of the axis."""
    quantiles: tuple[float, ...]
    """At `QUANTILES`."""
    curves: tuple[Curve, ...]


def distributions(counts: ScreenCounts) -> tuple[Distribution, ...]:
    """All screens of a table that measured anything, in the order of the recipe."""
    found = zip(counts.screens, counts.histograms, counts.below, counts.above, strict=True)
    return tuple(
        _distribution(screen, histogram, below, above) for screen, histogram, below, above in found if histogram.total
    )


def _distribution(screen: ReportScreen, histogram: Histogram, below: int, above: int) -> Distribution:
    bins = histogram.bins()
    every = bins.counts.sum(axis=1)
    edges, logarithmic = _axis(screen, bins, histogram.whole)
    groups = (bins.counts[:, [KEPT]], bins.counts[:, [ELSEWHERE]], bins.counts[:, [ALONE, ALSO]])
    bars = np.stack([_bars(bins, group.sum(axis=1), edges, histogram.whole) for group in groups], axis=1)
    return Distribution(
        screen=screen,
        measured=histogram.total,
        missing=histogram.missing,
        below=below,
        above=above,
        alone=int(bins.counts[:, ALONE].sum()),
        logarithmic=logarithmic,
        edges=edges,
        bars=bars,
        beyond=max(0, round(float(every.sum() - bars.sum()))),
        quantiles=tuple(quantile(bins, every, q, histogram.whole) for q in QUANTILES),
        curves=_curves(screen, bins, edges, histogram.whole),
    )


def _axis(screen: ReportScreen, bins: Bins, whole: bool) -> tuple[Floats, bool]:
    """Ends of the bars, and whether they grow by a factor instead of by a difference."""
    every = bins.counts.sum(axis=1)
    low, high = quantile(bins, every, _TAIL), quantile(bins, every, 1 - _TAIL)
    bounds = [bound for bound in (screen.low, screen.high) if bound is not None and math.isfinite(bound)]
    small, large = quantile(bins, every, 0.05), quantile(bins, every, 0.995)
    if small > 0 and large / small > _LOG_FROM and all(bound > 0 for bound in bounds):
        low = low if low > 0 else small / 4
        low, high = min([low, *bounds]), max([high, *bounds])
        return np.asarray(np.geomspace(low, float(np.nextafter(high, np.inf)), _BARS + 1), np.float64), True
    low, high = min([low, *bounds]), max([high, *bounds])
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - max(0.5, abs(low) / 20), high + max(0.5, abs(high) / 20)
    step = nice_step((high - low) / _BARS)
    step = max(step, 1.0) if whole else step
    first = math.floor(low / step + 1e-9)
    last = math.floor(high / step) + 1 if whole else math.ceil(high / step - 1e-9)
    return np.asarray(np.arange(first, max(last, first + 1) + 1) * step, np.float64), False


def _bars(bins: Bins, weights: npt.NDArray[np.int64], edges: Floats, whole: bool) -> Floats:
    ends = edges.copy()
    if not whole:
        ends[-1] = np.nextafter(ends[-1], np.inf)  # the last bar holds its upper end too
    below = np.array([mass_below(bins, weights, float(edge)) for edge in ends])
    return np.diff(below)


def _curves(screen: ReportScreen, bins: Bins, edges: Floats, whole: bool) -> tuple[Curve, ...]:
    weights = bins.counts[:, KEPT] + bins.counts[:, ALONE]
    kept = int(bins.counts[:, KEPT].sum())
    curves = []
    if screen.low is not None:
        inside = weights if screen.high is None else _cut(bins, weights, screen.high, upper=True)
        total = int(inside.sum())
        shares = np.array([1 - mass_below(bins, inside, float(edge)) / max(total, 1) for edge in edges])
        at = tuple(quantile(bins, inside, 1 - share, whole) for share in SHARES)
        curves.append(Curve("low", total, kept, shares, at))
    if screen.high is not None:
        inside = weights if screen.low is None else _cut(bins, weights, screen.low, upper=False)
        total = int(inside.sum())
        shares = np.array([mass_below(bins, inside, float(np.nextafter(edge, np.inf))) for edge in edges])
        at = tuple(quantile(bins, inside, share, whole) for share in SHARES)
        curves.append(Curve("high", total, kept, shares / max(total, 1), at))
    return tuple(curves)


def _cut(bins: Bins, weights: npt.NDArray[np.int64], bound: float, upper: bool) -> npt.NDArray[np.int64]:
    """Only what the other threshold of the interval lets through; its bin counts by the verdict, that is, as kept."""
    inside = bins.high <= bound if upper else bins.low >= bound
    return np.where(inside, weights, bins.counts[:, KEPT])


def nice_step(rough: float) -> float:
    """The next 1, 2 or 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 5.0):
        if factor * power >= rough * (1 - 1e-9):
            return factor * power
    return 10.0 * power
