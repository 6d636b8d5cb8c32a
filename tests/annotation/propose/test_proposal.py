from __future__ import annotations

import numpy as np
import pytest

from annotation.propose.proposal import expected_overlap, regions


def test_the_expected_overlap_is_what_a_simulation_gives() -> None:
    rng = np.random.default_rng(0)
    probability = rng.beta(0.4, 0.8, (120, 160)).astype(np.float32)
    mask = probability > 0.5
    overlaps = []
    for _ in range(20):
        truth = rng.random(probability.shape) < probability
        overlaps.append((mask & truth).sum() / (mask | truth).sum())
    assert expected_overlap(probability, mask) == pytest.approx(np.mean(overlaps), abs=0.01)


def test_certainty_and_nothing() -> None:
    mask = np.zeros((20, 20), np.bool_)
    assert expected_overlap(np.zeros((20, 20), np.float32), mask) == 0
    mask[5:10, 5:10] = True
    assert expected_overlap(mask.astype(np.float32), mask) == pytest.approx(1)


def test_regions_are_sorted_and_measured() -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[2:4, 3:6] = True
    mask[10:20, 15:35] = True
    probability = np.where(mask, 0.9, 0.1).astype(np.float32)
    probability[2:4, 3:6] = 0.7
    first, second = regions(probability, mask)
    assert (first.x, first.y, first.width, first.height, first.area) == (15, 10, 20, 10, 200)
    assert (second.area, second.probability) == (6, pytest.approx(0.7))
    assert regions(probability, np.zeros_like(mask)) == ()
