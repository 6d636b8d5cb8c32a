"""Charts say what they show, and stay inside their frame."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from annotation.statistics.charts import day_chart, share_histogram


def _bars(chart: str) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(chart)
    names = ("x", "y", "width", "height")
    return [tuple(float(bar.attrib[name]) for name in names) for bar in root.iter("rect")]  # type: ignore[misc]


@pytest.mark.parametrize("values", [[0.0], [1.0], [0.03] * 5, [0.001, 0.02, 0.4], [i / 1000 for i in range(1000)]])
def test_every_value_is_in_a_bar_inside_the_frame(values: list[float]) -> None:
    chart = share_histogram(values, "blurred shares")
    bars = _bars(chart)
    assert bars and all(
        x >= 42 and x + width <= 362.01 and y > 0 and y + height <= 124.01 for x, y, width, height in bars
    )
    assert f"{len(values):,} mask" in chart
    labels = [float(text) for text in re.findall(r">([\d.]+)\u202f%</text>", chart)]
    assert labels == sorted(labels) and labels[0] == 0 and 2 <= len(labels) <= 12


def test_heights_are_numbers_of_values() -> None:
    heights = sorted(height for *_, height in _bars(share_histogram([0.1, 0.1, 0.1, 0.5], "x")))
    assert heights[1] == pytest.approx(3 * heights[0], rel=0.01)


def test_days_without_work_have_no_bar() -> None:
    days = [f"2026-03-{day:02d}" for day in range(1, 11)]
    chart = day_chart(days, [3, 0, 0, 0, 1, 0, 0, 0, 0, 2], "Strokes")
    assert len(_bars(chart)) == 3
    assert "Strokes a day from 2026-03-01 to 2026-03-10: 6 in all, 3 at most" in chart
    assert len(_bars(day_chart(days[:1], [4], "Strokes"))) == 1
