"""The drawings of the page, as SVG in the report's dress: 380 units wide, so that text never shrinks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from million_ird.report.distributions import nice_step
from million_ird.report.markup import Markup, join, tag
from million_ird.report.words import compact, count, plural, share

_WIDTH, _HEIGHT = 380, 150
_LEFT, _RIGHT = 42, 362
_TOP, _BASE = 14, 124
_BARS = 24
_LABELS = 5


def share_histogram(values: Sequence[float], what: str) -> Markup:
    """How many values lie where between 0 and the largest: bars of equal width.

    Args:
        values: shares, 0 to 1; at least one.
        what: they are shares of, for people who cannot see the chart.
    """
    step = nice_step(max(max(values), 0.01) / _BARS)
    bars = max(1, math.ceil(max(values) / step - 1e-9))
    edges = np.arange(bars + 1) * step
    heights = np.histogram(np.minimum(values, edges[-1]), bins=edges)[0].tolist()
    ticks = nice_step(edges[-1] / _LABELS)
    labels = [(place / edges[-1], f"{place:.3g}") for place in np.arange(0, edges[-1] * 100 + 1e-9, ticks * 100) / 100]
    labels = [(at, f"{at * edges[-1] * 100:.3g}\u202f%") for at, _ in labels]
    middle = share(float(np.median(values)), 1)
    text = f"Histogram of {what}: {plural(len(values), 'mask')}, median {middle}, largest {share(max(values), 1)}"
    return _chart(heights, labels, text)


def day_chart(days: Sequence[str], heights: Sequence[int], what: str) -> Markup:
    """A bar for every day from the first to the last, those without work included.

    Args:
        days: ISO dates in order, without gaps.
        heights: of the bars.
        what: is counted, for people who cannot see the chart.
    """
    every = max(1, math.ceil(len(days) / _LABELS))
    labels = [((place + 0.5) / len(days), day[5:] if len(days) < 365 else day) for place, day in enumerate(days)]
    text = f"{what} a day from {days[0]} to {days[-1]}: {count(sum(heights))} in all, {count(max(heights))} at most"
    return _chart(heights, labels[::every], text)


def _chart(heights: Sequence[int], labels: Sequence[tuple[float, str]], text: str) -> Markup:
    """Bars side by side; labels stand at their part of the width."""
    most = max(max(heights), 1)
    width = (_RIGHT - _LEFT) / len(heights)
    gap = min(1.0, width / 4)
    bars = (
        tag(
            "rect",
            class_="kept",
            x=_LEFT + place * width,
            y=_y(height, most),
            width=width - gap,
            height=_BASE - _y(height, most),
        )
        for place, height in enumerate(heights)
        if height
    )
    return tag(
        "svg",
        tag("title", text),
        _grid(most),
        join(bars),
        tag("line", class_="axis", x1=_LEFT, x2=_RIGHT, y1=_BASE, y2=_BASE),
        (_text(label, _LEFT + at * (_RIGHT - _LEFT), _BASE + 16, "middle") for at, label in labels),
        class_="chart",
        viewbox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=text,
    )


def _grid(most: int) -> Markup:
    step = max(nice_step(most / 3), 1.0)
    marks = []
    for place in range(1, int(most / step) + 1):
        y = _y(place * step, most)
        marks.append(tag("line", class_="grid", x1=_LEFT, x2=_RIGHT, y1=y, y2=y))
        marks.append(_text(compact(place * step), _LEFT - 5, y + 3.5, "end"))
    return join(marks)


def _y(height: float, most: int) -> float:
    return _BASE - height / most * (_BASE - _TOP)


def _text(text: str, x: float, y: float, anchor: str) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor)
