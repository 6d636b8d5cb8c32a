"""Cells: disjoint, of exact number, evenly drawn; masks hide what they cover and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.plain_values import apply_overrides
from million_ird.settings import from_dict
from pretrain.masking import Crop, Fill, MaskSettings, cell_view, cells_across, fill, plan_cells


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _crop(side: int = 128) -> Crop:
    return _rng(9).integers(1, 255, (side, side, 3), dtype=np.uint8)  # neither white nor black


def test_the_default_is_the_papers_text() -> None:
    masked = []
    for seed in range(3000):
        plan = plan_cells(_rng(seed), 128, MaskSettings())
        assert plan.degraded.shape == plan.masked.shape == (8, 8)
        assert plan.degraded.sum() == 32
        assert not (plan.degraded & plan.masked).any()
        masked.append(int(plan.masked.sum()))
    assert set(masked) == {19, 20}
    assert abs(np.mean(masked) - 19.2) < 5 * np.sqrt(0.2 * 0.8 / 3000)


@given(
    across=st.integers(1, 9),
    cell=st.sampled_from([1, 8, 16]),
    degraded=st.floats(0, 1),
    masked=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_disjoint_sets_have_their_size_and_never_overflow(
    across: int, cell: int, degraded: float, masked: float, seed: int
) -> None:
    masked = min(masked, 1 - degraded)
    settings = MaskSettings(cell=cell, degraded=degraded, masked=masked)
    plan = plan_cells(_rng(seed), across * cell, settings)
    assert not (plan.degraded & plan.masked).any()
    for drawn, share in ((plan.degraded, degraded), (plan.masked, masked)):
        assert abs(drawn.sum() - across**2 * share) < 1 + 1e-6


@pytest.mark.parametrize(("degraded", "masked"), [(0.5, 0.3), (0.55, 0.45), (0.07, 0.11), (0.333, 0.0)])
def test_shares_that_are_no_whole_number_of_cells_hold_on_average(degraded: float, masked: float) -> None:
    settings = MaskSettings(degraded=degraded, masked=masked)
    plans = [plan_cells(_rng(seed), 48, settings) for seed in range(4000)]  # 9 cells
    for name, share in (("degraded", degraded), ("masked", masked)):
        mean = np.mean([getattr(plan, name).mean() for plan in plans])
        assert abs(mean - share) < 5 * (1 / 9) / np.sqrt(4000)


def test_every_cell_is_as_likely_as_any_other() -> None:
    plans = [plan_cells(_rng(seed), 128, MaskSettings()) for seed in range(3000)]
    for name, share in (("degraded", 0.5), ("masked", 0.3)):
        counts = np.sum([getattr(plan, name) for plan in plans], axis=0)
        assert np.abs(counts / 3000 - share).max() < 5 * np.sqrt(share * (1 - share) / 3000)


def test_neighbours_are_drawn_independently_of_each_other() -> None:
    plans = np.array([plan_cells(_rng(seed), 128, MaskSettings()).degraded for seed in range(3000)])
    together = (plans[:, :, 1:] & plans[:, :, :-1]).mean()
    assert abs(together - 0.5 * 31 / 63) < 0.005  # without replacement: 32/64 · 31/63


def test_overlapping_masks_fall_on_degraded_cells_too() -> None:
    settings = MaskSettings(disjoint=False)
    plans = [plan_cells(_rng(seed), 128, settings) for seed in range(1000)]
    assert {int(plan.degraded.sum()) for plan in plans} == {32}
    assert {int(plan.masked.sum()) for plan in plans} == {19, 20}
    overlap = np.mean([(plan.degraded & plan.masked).mean() for plan in plans])
    assert abs(overlap - 0.15) < 0.004


@pytest.mark.parametrize(
    ("degraded", "masked", "numbers"),
    [(0.0, 0.3, (0, 19)), (0.5, 0.0, (32, 0)), (0.0, 0.0, (0, 0)), (1.0, 0.0, (64, 0))],
)
def test_the_controls_are_shares_of_0_and_1(degraded: float, masked: float, numbers: tuple[int, int]) -> None:
    plan = plan_cells(_rng(1), 128, MaskSettings(degraded=degraded, masked=masked))
    assert (plan.degraded.sum(), plan.masked.sum()) == numbers


@pytest.mark.parametrize("side", [16, 64, 192, 256])
def test_any_side_of_whole_cells_scales(side: int) -> None:
    across = cells_across(side, MaskSettings())
    plan = plan_cells(_rng(0), side, MaskSettings())
    assert plan.degraded.shape == (across, across) == (side // 16, side // 16)
    assert abs(plan.degraded.sum() - across**2 / 2) < 1


@pytest.mark.parametrize("side", [0, 8, 100, 129])
def test_a_side_of_no_whole_cells_is_a_clear_error(side: int) -> None:
    with pytest.raises(UsageError, match=rf"crop of {side} pixels .* mask.cell = 16"):
        plan_cells(_rng(0), side, MaskSettings())


@pytest.mark.parametrize(
    ("name", "colour"), [("white", 255), ("black", 0), ("grey", 128), ("mean", None), ("noise", None)]
)
def test_masked_cells_are_filled_and_no_other_pixel_changes(name: Fill, colour: int | None) -> None:
    crop = _crop()
    before = crop.copy()
    masked = plan_cells(_rng(2), 128, MaskSettings()).masked
    filled = fill(crop, masked, MaskSettings(fill=name), _rng(3))
    np.testing.assert_array_equal(crop, before)
    hidden, shown = (cell_view(filled, masked.shape)[cells] for cells in (masked, ~masked))
    np.testing.assert_array_equal(shown, cell_view(crop, masked.shape)[~masked])
    if colour is not None:
        assert (hidden == colour).all()
    elif name == "mean":
        assert (hidden == hidden[0, 0, 0]).all()
        np.testing.assert_allclose(hidden[0, 0, 0], shown.reshape(-1, 3).mean(0), atol=0.5)
    else:
        assert abs(hidden.mean() - 127.5) < 5 * 73.9 / np.sqrt(hidden.size)
        assert abs(hidden.std() - 73.9) < 1.5
        assert not np.array_equal(hidden, cell_view(crop, masked.shape)[masked])


def test_the_mean_shows_nothing_of_what_is_masked() -> None:
    masked = plan_cells(_rng(2), 128, MaskSettings()).masked
    one, other = _crop(), _crop()
    cell_view(other, masked.shape)[masked] = 7
    settings = MaskSettings(fill="mean")
    np.testing.assert_array_equal(fill(one, masked, settings, _rng(0)), fill(other, masked, settings, _rng(0)))
    everything = np.ones((8, 8), bool)
    assert (fill(one, everything, settings, _rng(0)) == 128).all()


def test_nothing_masked_is_a_copy() -> None:
    crop = _crop(32)
    filled = fill(crop, np.zeros((2, 2), bool), MaskSettings(), _rng(0))
    np.testing.assert_array_equal(filled, crop)
    assert not np.shares_memory(filled, crop)


def test_a_cell_of_the_view_is_that_square_of_the_crop() -> None:
    crop = _crop(48)
    view = cell_view(crop, (3, 3))
    np.testing.assert_array_equal(view[2, 1], crop[32:48, 16:32])
    view[0, 2] = 5
    assert (crop[:16, 32:] == 5).all()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("cell=0", "mask.cell must be at least 1"),
        ("degraded=1.5", "mask.degraded is a share"),
        ("masked=-0.1", "mask.masked is a share"),
        ("masked=0.6", "must not exceed 1, but are 0.5 [+] 0.6"),
        ("fill='checkers'", "mask.fill: got"),
    ],
)
def test_settings_that_cannot_be_say_why(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_dict(MaskSettings, apply_overrides({}, [override]), "mask")
