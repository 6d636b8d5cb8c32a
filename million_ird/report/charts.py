"""The drawings of the report, as SVG that stands in the page or alone.

A chart is 380 units wide and shown at about that many pixels, on a phone as on a desk, so its text never shrinks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from importlib.resources import files

import numpy as np

from million_ird.report.distributions import Distribution, nice_step
from million_ird.report.markup import Markup, join, number, tag
from million_ird.report.words import compact, count, measure, plain, share

WIDTH = 380
_LEFT, _RIGHT = 42, 370
_TOP, _BASE = 26, 124
_CURVE_TOP, _CURVE_BASE = 158, 194
HEIGHT = 200
_MARK_CHARACTER = 7.4  # of a threshold label, which is bold
_CHARACTER = 6.0  # generous width of one character of axis text, in units


def histogram_chart(distribution: Distribution) -> Markup:
    """Bars of one screen with its thresholds, and below them what a moved threshold would keep."""
    scale = _Scale(distribution)
    return tag(
        "svg",
        tag("title", _description(distribution)),
        _outside(distribution, scale),
        _count_axis(distribution),
        _bars(distribution, scale),
        _value_axis(distribution, scale),
        _moved(distribution, scale),
        _thresholds(distribution, scale),
        class_="chart",
        viewbox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=_description(distribution),
    )


def standalone(chart: Markup) -> str:
    """A chart as an SVG file of its own in the light palette; colours are plain, for programs without CSS variables."""
    folder = files("million_ird.report")
    light = folder.joinpath("palette.css").read_text("utf-8").split("@media", 1)[0]
    colours = dict(re.findall(r"--(\w+):\s*(#\w+)", light))
    style = re.sub(r"var\(--(\w+)\)", lambda use: colours[use[1]], folder.joinpath("chart.css").read_text("utf-8"))
    opening, rest = chart.split(">", 1)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{opening} xmlns="http://www.w3.org/2000/svg" '
        f'width="{WIDTH}" height="{HEIGHT}"><style>{style}</style>{rest}\n'
    )


class _Scale:
    """From a value to its place across the chart."""

    def __init__(self, distribution: Distribution) -> None:
        self.logarithmic = distribution.logarithmic
        self.low, self.high = float(distribution.edges[0]), float(distribution.edges[-1])

    def __call__(self, value: float) -> float:
        if self.logarithmic:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return _LEFT + min(max(part, 0.0), 1.0) * (_RIGHT - _LEFT)

    def ticks(self) -> list[float]:
        """Round values on the axis, few enough that their labels have room."""
        if not self.logarithmic:
            step = nice_step((self.high - self.low) / 5)
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            return [place * step for place in range(first, last + 1)]
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for factors in ((1, 2, 5), (1, 3), (1,)):
            ticks = [factor * 10.0**power for power in decades for factor in factors]
            ticks = [tick for tick in ticks if self.low <= tick <= self.high]
            if len(ticks) <= 6:
                break
        return ticks[:: 1 + len(ticks) // 7]


def _description(distribution: Distribution) -> str:
    screen = distribution.screen
    text = f"Histogram of {plain(screen.name)}: {count(distribution.measured)} measured, median "
    text += measure(distribution.quantiles[3])
    for bound, sign, out in ((screen.low, "≥", distribution.below), (screen.high, "≤", distribution.above)):
        if bound is not None:
            text += f"; threshold {sign} {measure(bound)}, {count(out)} outside ({share(out, distribution.measured)})"
    return text


def _outside(distribution: Distribution, scale: _Scale) -> Markup:
    """A tint over what the thresholds reject."""
    screen = distribution.screen
    spans: list[tuple[float, float]] = []
    if screen.low is not None:
        spans.append((_LEFT, scale(screen.low)))
    if screen.high is not None:
        spans.append((scale(screen.high), _RIGHT))
    return join(
        tag("rect", class_="out", x=left, y=_TOP, width=right - left, height=_BASE - _TOP)
        for left, right in spans
        if right > left
    )


def _count_axis(distribution: Distribution) -> Markup:
    most = float(distribution.bars.sum(axis=1).max())
    step = nice_step(most / 3) if most > 0 else 1.0
    step = max(step, 1.0)
    marks = []
    for place in range(1, int(most / step) + 1):
        y = _BASE - place * step / most * (_BASE - _TOP)
        marks.append(tag("line", class_="grid", x1=_LEFT, x2=_RIGHT, y1=y, y2=y))
        marks.append(_text(compact(place * step), _LEFT - 5, y + 3.5, "end"))
    return join(marks)


def _bars(distribution: Distribution, scale: _Scale) -> Markup:
    """Stacked bars as one path per shade, which keeps the page small."""
    most = max(float(distribution.bars.sum(axis=1).max()), 1e-9)
    height = (_BASE - _TOP) / most
    paths: list[list[str]] = [[], [], []]
    for place, parts in enumerate(distribution.bars):
        left, right = scale(float(distribution.edges[place])), scale(float(distribution.edges[place + 1]))
        gap = min(0.8, (right - left) * 0.15)
        base = float(_BASE)
        for shade, part in enumerate(parts):
            tall = float(part) * height
            if tall < 0.05:
                continue
            top = base - tall
            paths[shade].append(f"M{number(left)} {number(base)}V{number(top)}H{number(right - gap)}V{number(base)}z")
            base = top
    return join(
        tag("path", class_=name, d="".join(path))
        for name, path in zip(("kept", "elsewhere", "outside"), paths, strict=True)
        if path
    )


def _value_axis(distribution: Distribution, scale: _Scale) -> Markup:
    marks = [tag("line", class_="axis", x1=_LEFT, x2=_RIGHT, y1=_BASE, y2=_BASE)]
    free_from = -1e9
    for tick in scale.ticks():
        x, label = scale(tick), compact(tick)
        half = len(label) * _CHARACTER / 2
        middle = min(max(x, half), WIDTH - half)
        if middle - half < free_from:
            continue
        free_from = middle + half + 6
        marks.append(tag("line", class_="axis", x1=x, x2=x, y1=_BASE, y2=_BASE + 4))
        marks.append(_text(label, middle, _BASE + 15, "middle"))
    return join(marks)


def _moved(distribution: Distribution, scale: _Scale) -> Markup:
    """The lower panel: share kept against the place of the threshold; without one, the share of values up to x."""
    tall = _CURVE_BASE - _CURVE_TOP
    marks = [
        tag("line", class_="grid", x1=_LEFT, x2=_RIGHT, y1=_CURVE_TOP, y2=_CURVE_TOP),
        tag("line", class_="axis", x1=_LEFT, x2=_RIGHT, y1=_CURVE_BASE, y2=_CURVE_BASE),
        _text("100 %", _LEFT - 5, _CURVE_TOP + 4, "end"),
        _text("0", _LEFT - 5, _CURVE_BASE + 3, "end"),
    ]
    curves = [(curve.end, curve.shares) for curve in distribution.curves]
    if not curves:
        total = distribution.bars.sum(axis=1)
        curves = [("all", np.concatenate([[0.0], np.cumsum(total)]) / max(float(total.sum()), 1e-9))]
    for end, shares in curves:
        points = (
            f"{number(scale(float(x)))} {number(_CURVE_BASE - min(max(float(y), 0.0), 1.0) * tall)}"
            for x, y in zip(distribution.edges, shares, strict=True)
        )
        marks.append(tag("path", class_=f"curve {end}", d=f"M{'L'.join(points)}"))
    return join(marks)


def _thresholds(distribution: Distribution, scale: _Scale) -> Markup:
    """A line through both panels for each threshold, its label above; two labels never touch."""
    screen, marks = distribution.screen, []
    labels = [
        (f"{sign} {measure(bound)}", scale(bound))
        for bound, sign in ((screen.low, "≥"), (screen.high, "≤"))
        if bound is not None
    ]
    places = _apart([len(label) * _MARK_CHARACTER for label, _ in labels], [x for _, x in labels])
    for (label, x), middle in zip(labels, places, strict=True):
        at = number(x)  # the line leaves out the labels of the axis
        line = f"M{at} 16V{_BASE + 3}M{at} {_CURVE_TOP}V{_CURVE_BASE}"
        marks.append(tag("path", class_="threshold", d=line))
        marks.append(_text(label, middle, 11, "middle", "mark"))
    return join(marks)


def _apart(widths: list[float], wanted: list[float]) -> list[float]:
    """Centres of one or two labels, as near to where they are wanted as the chart and each other allow."""
    places = [min(max(x, width / 2), WIDTH - width / 2) for x, width in zip(wanted, widths, strict=True)]
    if len(places) == 2:
        half = max(0.0, (widths[0] + widths[1]) / 2 + 10 - (places[1] - places[0])) / 2
        left, right = places[0] - half, places[1] + half
        shift = max(0.0, widths[0] / 2 - left) - max(0.0, right - (WIDTH - widths[1] / 2))
        places = [left + shift, right + shift]
    return places


def _text(text: str, x: float, y: float, anchor: str, kind: str | None = None) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_=kind)


def legend(names: Iterable[tuple[str, str]]) -> Markup:
    """What the shades mean: (class, words) pairs."""
    return tag(
        "ul",
        (tag("li", tag("span", class_=f"swatch {name}", aria_hidden="true"), words) for name, words in names),
        class_="legend",
    )
