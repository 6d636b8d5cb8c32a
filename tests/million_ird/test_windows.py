"""LMD-ViT's windows, against loops over pixels, and its cost, against the published totals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from million_ird.windows import (
    PAD_MULTIPLE,
    SIZES,
    STAGES,
    Padding,
    Rule,
    compute_share,
    kept_share,
    kept_shares,
    padding,
    window_labels,
)

Mask = NDArray[np.bool_]


def _random_mask(seed: int, height: int, width: int, share: float) -> Mask:
    return np.random.default_rng(seed).random((height, width)) < share


def _slow_counts(mask: Mask, size: int, shifted: bool, multiple: int) -> list[list[int]]:
    """Blurred pixels of every window: each pixel asks which window it is in."""
    height, width = mask.shape
    frame_height = next(side for side in range(height, height + multiple) if side % multiple == 0)
    frame_width = next(side for side in range(width, width + multiple) if side % multiple == 0)
    top, left = (frame_height - height) // 2, (frame_width - width) // 2
    shift = size // 2 if shifted else 0
    counts = [[0] * (frame_width // size) for _ in range(frame_height // size)]
    for y in range(height):
        for x in range(width):
            row, column = (y + top - shift) % frame_height, (x + left - shift) % frame_width
            counts[row // size][column // size] += int(mask[y, x])
    return counts


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 40),
    st.floats(0, 1),
    st.sampled_from((2, 4, 8, 16)),
    st.booleans(),
)
def test_every_label_is_that_of_its_pixels(
    seed: int, height: int, width: int, share: float, size: int, shifted: bool
) -> None:
    mask = _random_mask(seed, height, width, share)
    counts = np.array(_slow_counts(mask, size, shifted, 16))

    def labels(rule: Rule) -> NDArray[Any]:
        return window_labels(mask, size, rule, shifted=shifted, multiple=16)

    np.testing.assert_array_equal(labels("any"), counts > 0)
    np.testing.assert_array_equal(labels("majority"), counts >= size * size / 2)
    means = labels("mean")
    assert means.dtype == np.float32
    np.testing.assert_array_equal(means, counts / (size * size))
    assert kept_share(mask, size, shifted=shifted, multiple=16) == pytest.approx((counts > 0).mean())


def test_the_frame_of_a_reloblur_picture() -> None:
    assert padding(1436, 2152) == Padding(left=12, top=50, width=2176, height=1536)
    assert padding(128, 256) == Padding(left=0, top=0, width=256, height=128)
    assert padding(127, 1) == Padding(left=63, top=0, width=128, height=128), "the odd row goes below"
    shapes = [window_labels(np.zeros((1436, 2152), bool), size).shape for size in SIZES]
    assert shapes == [(192, 272), (96, 136), (48, 68), (24, 34), (12, 17)]


def test_exactly_half_is_a_majority() -> None:
    mask = np.zeros((128, 128), bool)
    mask[:4, :8] = True
    assert window_labels(mask, 8, "majority")[0, 0]
    mask[0, 0] = False
    assert not window_labels(mask, 8, "majority")[0, 0]
    assert window_labels(mask, 8, "any").sum() == 1


def test_the_shifted_grid_wraps_as_a_roll_does() -> None:
    mask = np.zeros((128, 128), bool)
    mask[0, 0] = True
    assert np.argwhere(window_labels(mask, 8)).tolist() == [[0, 0]]
    assert np.argwhere(window_labels(mask, 8, shifted=True)).tolist() == [[15, 15]]
    mask[4, 4] = True
    assert np.argwhere(window_labels(mask, 8, shifted=True)).tolist() == [[0, 0], [15, 15]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 300), st.floats(0, 0.2))
def test_larger_windows_are_touched_more_and_the_mean_is_the_blurred_share(
    seed: int, height: int, width: int, share: float
) -> None:
    mask = _random_mask(seed, height, width, share)
    frame = padding(height, width)
    blurred = mask.sum() / (frame.width * frame.height)
    touched = [kept_share(mask, size) for size in SIZES]
    assert touched == sorted(touched) and touched[0] >= blurred
    for size in SIZES:
        assert kept_share(mask, size, "mean") == pytest.approx(blurred)
        assert kept_share(mask, size, "majority") <= kept_share(mask, size)


def test_blobs_inflate_under_any_and_not_under_majority() -> None:
    """The pattern measured on human motion masks: 14.9 % of the frame touches 15.4 % of the 8s and 24.2 % of the 128s,
    while the majority rule stays near the area."""
    rows, columns = np.mgrid[:1436, :2152]
    mask = ((rows - 700) / 420) ** 2 + ((columns - 1000) / 380) ** 2 < 1
    area = mask.sum() / (1536 * 2176)
    touched = [kept_share(mask, size) for size in SIZES]
    assert 1.0 < touched[0] / area < 1.06
    assert 1.3 < touched[-1] / area < 2.0
    for size in SIZES:
        assert kept_share(mask, size, "majority") == pytest.approx(area, rel=0.06)


def test_the_costs_sum_to_what_was_measured_on_the_authors_code() -> None:
    blocks = sum(stage.depth * stage.block_gmacs for stage in STAGES)
    assert blocks + 39.3 == pytest.approx(372.6, abs=0.05)
    assert [stage.size for stage in STAGES] == [8, 16, 32, 64, 128, 64, 32, 16, 8]
    assert sum(min(stage.depth, 2) for stage in STAGES) == 16, "decision maps"


@pytest.mark.parametrize("rule", ["any", "majority", "mean"])
def test_all_costs_all_and_nothing_costs_the_floor(rule: Rule) -> None:
    full = np.ones((256, 384), bool)
    assert compute_share(full, rule) == pytest.approx(1)
    assert compute_share(~full, rule) == pytest.approx(39.3 / 372.567, abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(1, 300), st.sampled_from(("any", "majority", "mean"))
)
def test_the_cost_is_the_sum_over_blocks(seed: int, height: int, width: int, rule: Rule) -> None:
    mask = _random_mask(seed, height // 20 + 1, width // 20 + 1, 0.3).repeat(20, 0).repeat(20, 1)[:height, :width]
    spent = 39.3
    for stage in STAGES:
        for block in range(stage.depth):
            spent += stage.block_gmacs * kept_share(mask, stage.size, rule, shifted=block % 2 == 1)
    assert kept_shares(mask, rule) == {
        (size, shifted): pytest.approx(kept_share(mask, size, rule, shifted=shifted))
        for size in SIZES
        for shifted in (False, True)
    }
    everything = 39.3 + sum(stage.depth * stage.block_gmacs for stage in STAGES)
    assert compute_share(mask, rule) == pytest.approx(spent / everything)


def test_a_quarter_of_the_blocks_work_costs_what_the_claim_of_the_paper_needs() -> None:
    """A third of the cost is left (-66 %) where about 26 % is kept, as the sources derive."""
    mask = np.zeros((1280, 1280), bool)
    mask.flat[: round(mask.size * 0.26)] = True
    assert 1 - compute_share(mask, "mean") == pytest.approx(0.66, abs=0.005)


def test_one_speck_costs_a_window_of_every_size() -> None:
    mask = np.zeros((512, 512), bool)
    mask[100, 100] = True
    for size in SIZES:
        for shifted in (False, True):
            assert window_labels(mask, size, shifted=shifted).sum() == 1
    assert compute_share(mask) > compute_share(mask & False)
    assert compute_share(mask, "majority") == compute_share(mask & False, "majority")


@pytest.mark.parametrize("mask", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 1), bool), np.zeros((0, 8), bool)])
def test_what_is_no_mask_is_refused(mask: Mask) -> None:
    with pytest.raises(ValueError, match="a mask is bool"):
        window_labels(mask, 8)
    with pytest.raises(ValueError, match="a mask is bool"):
        compute_share(mask)


def test_sizes_and_rules_that_do_not_exist_are_refused() -> None:
    mask = np.zeros((8, 8), bool)
    for size in (0, 7, 256):
        with pytest.raises(ValueError, match=f"windows of {size} pixels"):
            window_labels(mask, size)
    with pytest.raises(ValueError, match="no rule 'most'"):
        window_labels(mask, 8, "most")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no windows"):
        padding(0, 5)
    assert PAD_MULTIPLE % max(SIZES) == 0
