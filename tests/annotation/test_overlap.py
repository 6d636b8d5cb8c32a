"""IoU and boundary F, against loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.mask import Mask
from annotation.overlap import boundary_f, default_tolerance, iou


def _slow_outline(mask: Mask) -> list[tuple[int, int]]:
    height, width = mask.shape
    found = []
    for y in range(height):
        for x in range(width):
            others = (
                (y, min(x + 1, width - 1)),
                (min(y + 1, height - 1), x),
                (min(y + 1, height - 1), min(x + 1, width - 1)),
            )
            if any(mask[other] != mask[y, x] for other in others):
                found.append((y, x))
    return found


def _slow_f(a: Mask, b: Mask, tolerance: int) -> float:
    first, second = _slow_outline(a), _slow_outline(b)
    if not first or not second:
        return float(bool(first) == bool(second))

    def near(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> float:
        return sum(any(math.dist(p, q) <= tolerance for q in theirs) for p in ours) / len(ours)

    precision, recall = near(first, second), near(second, first)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 14), st.integers(2, 14), st.floats(0, 1), st.integers(0, 6))
def test_both_are_what_their_definitions_say(seed: int, height: int, width: int, share: float, tolerance: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((height, width)) < share, rng.random((height, width)) < share / 4
    assert boundary_f(a, b, tolerance) == pytest.approx(_slow_f(a, b, tolerance))
    assert boundary_f(a, b, tolerance) == pytest.approx(boundary_f(b, a, tolerance))
    both, either = sum(map(int, (a & b).flat)), sum(map(int, (a | b).flat))
    assert iou(a, b) == (both / either if either else 1)


def test_equal_empty_and_full_masks() -> None:
    mask = np.zeros((40, 50), bool)
    mask[10:20, 10:30] = True
    empty, full = mask & False, mask | True
    assert iou(mask, mask) == boundary_f(mask, mask, 0) == 1
    assert iou(empty, empty) == boundary_f(empty, empty, 3) == 1
    assert iou(mask, empty) == boundary_f(mask, empty, 3) == boundary_f(empty, mask, 3) == 0
    assert iou(empty, full) == 0 and boundary_f(empty, full, 3) == 1, "neither has an outline"


def test_a_shift_within_the_tolerance_costs_no_f() -> None:
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    moved = np.roll(mask, 3, axis=1)
    assert boundary_f(mask, moved, 3) == 1
    assert boundary_f(mask, moved, 2) < 1
    assert iou(mask, moved) == pytest.approx(17 / 23)


def test_the_default_tolerance_is_that_of_davis() -> None:
    assert default_tolerance(480, 854) == 8
    assert default_tolerance(1436, 2152) == 21
    assert default_tolerance(480, 640) == 7


def test_masks_of_two_sizes_are_refused() -> None:
    for measure in (iou, lambda a, b: boundary_f(a, b, 1)):
        with pytest.raises(ValueError, match="one shape"):
            measure(np.ones((3, 4), bool), np.ones((4, 3), bool))
