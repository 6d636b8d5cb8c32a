"""What is told of thresholds agrees with counting the rows one by one."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from million_ird.report import ReportScreen
from million_ird.report.charts import _apart, histogram_chart, standalone
from million_ird.report.collect.distributions import ScreenCounts
from million_ird.report.distributions import Distribution, distributions, nice_step

RANDOM = np.random.default_rng(11)
SHARP, QUALITY = RANDOM.lognormal(5, 1, 4000), np.clip(np.round(RANDOM.normal(88, 8, 4000)), 1, 100)
SCREENS = (ReportScreen("sharp", low=100.0), ReportScreen("quality", low=75.0, high=97.0), ReportScreen("seen"))


def measured(screens: tuple[ReportScreen, ...] = SCREENS) -> tuple[Distribution, ...]:
    kept = (SHARP >= 100) & (QUALITY >= 75) & (QUALITY <= 97)
    counts = ScreenCounts(screens)
    batch = pa.record_batch({"sharp": SHARP, "quality": QUALITY, "seen": np.full(4000, 7.0)})
    counts.add(batch, np.ones(4000, np.bool_), kept)
    return distributions(counts)


def test_counts_at_the_thresholds_are_exact() -> None:
    sharp, quality, seen = measured()
    fails_quality = (QUALITY < 75) | (QUALITY > 97)
    assert sharp.below == np.count_nonzero(SHARP < 100) and sharp.above == 0
    assert sharp.alone == np.count_nonzero((SHARP < 100) & ~fails_quality)
    assert quality.below == np.count_nonzero(QUALITY < 75) and quality.above == np.count_nonzero(QUALITY > 97)
    assert seen.curves == () and seen.measured == 4000


def test_bars_hold_every_value_once() -> None:
    for distribution in measured():
        assert distribution.bars.sum() + distribution.beyond == pytest.approx(4000, abs=1)
    sharp = measured()[0]
    assert sharp.bars[:, 2].sum() + sharp.bars[:, 1].sum() + sharp.bars[:, 0].sum() <= 4000


def test_whole_numbers_get_whole_bars() -> None:
    quality = measured()[1]
    assert np.all(np.diff(quality.edges) >= 1)
    for low, bar in zip(quality.edges, quality.bars.sum(axis=1), strict=False):
        if np.diff(quality.edges)[0] == 1:
            assert bar == pytest.approx(np.count_nonzero(low == QUALITY))


def test_moving_a_threshold_keeps_what_is_told() -> None:
    sharp, quality, _ = measured()
    others = (QUALITY >= 75) & (QUALITY <= 97)
    curve = sharp.curves[0]
    assert curve.population == np.count_nonzero(others)
    assert curve.kept == np.count_nonzero(others & (SHARP >= 100))
    for edge, share in zip(sharp.edges, curve.shares, strict=True):
        assert share == pytest.approx(np.mean(SHARP[others] >= edge), abs=0.01)
    for wanted, threshold in zip((0.5, 0.75, 0.9, 0.95, 0.99), curve.thresholds, strict=True):
        assert np.mean(SHARP[others] >= threshold) == pytest.approx(wanted, abs=0.01)
    low, high = quality.curves
    inside = (SHARP >= 100) & (QUALITY <= 97)
    assert low.population == pytest.approx(np.count_nonzero(inside))
    assert (low.end, high.end) == ("low", "high")


def test_a_chart_of_one_value_has_an_axis_and_says_what_it_shows() -> None:
    seen = measured()[2]
    chart = histogram_chart(seen)
    assert seen.edges[0] < 7 < seen.edges[-1]
    assert "4,000 measured, median 7" in chart and 'role="img"' in chart


BOUND = st.none() | st.just(np.inf) | st.floats(-1e90, 1e90, allow_subnormal=False)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=40), BOUND, BOUND)
def test_any_numbers_and_thresholds_can_be_drawn(values: list[float], low: float | None, high: float | None) -> None:
    counts = ScreenCounts((ReportScreen("any", low=low, high=high),))
    array = np.array(values)
    counts.add(pa.record_batch({"any": array}), np.ones(array.size, np.bool_), np.zeros(array.size, np.bool_))
    for distribution in distributions(counts):
        ElementTree.fromstring(standalone(histogram_chart(distribution)))
        assert np.all(np.isfinite(distribution.edges)) and np.all(np.diff(distribution.edges) > 0)
        assert np.all(np.isfinite(distribution.bars))


def test_an_infinite_bound_is_none() -> None:
    screen = ReportScreen("a", low=-np.inf, high=3.0)
    assert screen.low is None and screen.bounds == (("a_high", 3.0),)


@pytest.mark.parametrize("wanted", [[0.0, 0.0], [190.0, 200.0], [379.0, 380.0], [10.0, 370.0], [375.0, 378.0]])
def test_labels_of_two_thresholds_never_touch_nor_leave_the_chart(wanted: list[float]) -> None:
    widths = [70.0, 80.0]
    left, right = _apart(widths, wanted)
    assert left - 35 >= 0 and right + 40 <= 380
    assert right - left >= 75


@pytest.mark.parametrize(("rough", "step"), [(0.03, 0.05), (1.0, 1.0), (7.0, 10.0), (210.0, 500.0)])
def test_steps_are_round(rough: float, step: float) -> None:
    assert nice_step(rough) == pytest.approx(step)
