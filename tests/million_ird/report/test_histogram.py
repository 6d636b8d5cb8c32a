"""The streaming histogram: exact counts, order does not matter, quantiles within a bin's width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from million_ird.report.histogram import Histogram, mass_below, quantile

VALUES = np.random.default_rng(5).lognormal(3, 2, 20_000)


def counted(values: np.ndarray, classes: np.ndarray | None = None, pieces: int = 1) -> Histogram:
    histogram = Histogram(2)
    classes = np.zeros(values.size, np.int64) if classes is None else classes
    for part, kinds in zip(np.array_split(values, pieces), np.array_split(classes, pieces), strict=True):
        histogram.add(part, kinds)
    return histogram


@pytest.mark.parametrize("q", [0.01, 0.25, 0.5, 0.9, 0.99])
def test_quantiles_lie_within_a_bin(q: float) -> None:
    bins = counted(VALUES).bins()
    assert quantile(bins, bins.counts.sum(axis=1), q) == pytest.approx(np.quantile(VALUES, q), rel=1 / 100)


def test_order_and_batches_change_nothing() -> None:
    shuffled = np.random.default_rng(1).permutation(VALUES)
    one, other = counted(VALUES).bins(), counted(shuffled, pieces=37).bins()
    assert np.array_equal(one.counts, other.counts)
    assert np.array_equal(one.low, other.low) and np.array_equal(one.high, other.high)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60))
def test_any_floats_are_counted_once_in_a_bin_that_holds_them(values: list[float]) -> None:
    array = np.array(values, np.float64)
    histogram = counted(array)
    finite = array[np.abs(array) < 1e100]
    finite[np.abs(finite) < 1e-100] = 0.0
    assert histogram.missing == array.size - finite.size
    bins = histogram.bins()
    assert int(bins.counts.sum()) == finite.size
    assert np.all(bins.low <= bins.high)
    for value in finite:
        assert np.any((bins.low <= value) & (value <= bins.high))


def test_whole_numbers_stay_whole() -> None:
    qualities = np.array([75.0] * 10 + [95.0] * 30)
    bins = counted(qualities).bins()
    assert bins.low.tolist() == [75.0, 95.0] and bins.high.tolist() == [75.0, 95.0]
    assert quantile(bins, bins.counts[:, 0], 0.5, whole=True) == 95.0
    assert mass_below(bins, bins.counts[:, 0], 95.0) == 10.0


def test_classes_are_kept_apart_and_zero_and_signs_have_their_bins() -> None:
    bins = counted(np.array([-2.0, 0.0, 2.0, 2.0]), np.array([0, 1, 0, 1])).bins()
    assert bins.low.tolist() == [-2.0, 0.0, 2.0]
    assert bins.counts.tolist() == [[1, 0], [0, 1], [1, 1]]


def test_nothing_has_no_quantile() -> None:
    bins = Histogram(2).bins()
    assert bins.counts.shape == (0, 2)
    assert np.isnan(quantile(bins, bins.counts.sum(axis=1), 0.5))
