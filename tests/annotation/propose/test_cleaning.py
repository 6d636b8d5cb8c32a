from __future__ import annotations

import numpy as np

from annotation.propose.cleaning import close, drop_specks, fill_holes, hysteresis, open_


def square(*boxes: tuple[int, int, int, int], size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), np.bool_)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def test_hysteresis_keeps_what_reaches_the_seed() -> None:
    evidence = np.zeros((10, 30), np.float32)
    evidence[2:8, 2:12] = 0.6
    evidence[5, 5] = 0.95
    evidence[2:8, 16:28] = 0.6
    found = hysteresis(evidence, 0.9, 0.5)
    assert found[:, :14].sum() == 60
    assert not found[:, 14:].any()
    assert not hysteresis(evidence, 0.99, 0.5).any()


def test_holes_are_filled_up_to_a_size_and_bays_are_not() -> None:
    mask = square((5, 5, 35, 35)) & ~square((8, 8, 11, 11)) & ~square((15, 15, 30, 30))
    mask[20, 0:16] = False
    everything = fill_holes(mask)
    assert everything[9, 9]
    assert not everything[20, 7]
    assert not everything[25, 25]  # open to the outside by the cut
    closed = square((5, 5, 35, 35)) & ~square((8, 8, 11, 11)) & ~square((15, 15, 30, 30))
    assert fill_holes(closed).sum() == 900
    assert fill_holes(closed, largest=20).sum() == 900 - 225


def test_an_empty_and_a_full_mask_stay_so() -> None:
    for mask in (square(), square((0, 0, 40, 40))):
        for clean in (fill_holes, lambda m: drop_specks(m, 5), lambda m: close(m, 3), lambda m: open_(m, 1)):
            assert np.array_equal(clean(mask), mask)


def test_specks_go_by_area() -> None:
    mask = square((2, 2, 4, 4), (10, 10, 20, 20))
    assert drop_specks(mask, 5).sum() == 100
    assert drop_specks(mask, 4).sum() == 104


def test_closing_bridges_a_gap_and_pulls_nothing_to_the_border() -> None:
    mask = square((10, 5, 20, 18), (10, 21, 20, 35))
    assert close(mask, 2)[15, 19]
    assert not close(mask, 1)[15, 20]
    beside = square((10, 2, 20, 10))
    assert not close(beside, 4)[:, 0].any()


def test_opening_takes_away_what_is_thin() -> None:
    mask = square((10, 10, 20, 20), (15, 20, 16, 35))
    assert not open_(mask, 1)[15, 25]
    assert open_(mask, 1)[15, 15]
    assert np.array_equal(open_(mask, 0), mask)
