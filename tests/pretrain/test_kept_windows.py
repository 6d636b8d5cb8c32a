"""Kept windows: where they lie in the picture, and how they compare with a mask."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from million_ird.windows import window_labels
from pretrain.kept_windows import WindowCounts, count_windows, draw_shares, share_of_maps
from pretrain.models.lmd_vit.settings import LMDViTSettings
from tests.pretrain.models.lmd_vit.tiny import TINY, network

HEIGHT, WIDTH = 50, 70
"""Padded to 64×96: 7 rows above, 13 columns left."""


def decisions(value: float, settings: LMDViTSettings = TINY) -> list[Tensor]:
    return [torch.full((1, *grid), value) for grid in network(settings).grids(HEIGHT, WIDTH)]


def labels(mask: np.ndarray) -> list[Tensor]:
    """Decisions that keep what holds a blurred pixel, as `million_ird.windows` says, another code."""
    found = []
    for decided in TINY.maps:
        side = TINY.window << decided.level
        label = window_labels(mask, side, shifted=decided.shifted, multiple=TINY.multiple)
        found.append(torch.from_numpy(label)[None])
    return found


def disc() -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask: np.ndarray = (rows - 20) ** 2 + (columns - 55) ** 2 < 64
    return mask


def test_all_and_none() -> None:
    everything, nothing = (share_of_maps(decisions(value), TINY, HEIGHT, WIDTH) for value in (1, 0))
    assert (everything == 1).all() and (nothing == 0).all()
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    assert np.array_equal(draw_shares(picture, everything), picture)
    pruned = draw_shares(picture, nothing)
    assert (pruned.std(axis=-1) == 0).all() and pruned.max() < 70


def test_windows_lie_where_the_network_cuts_them_shifted_or_not() -> None:
    """Every pixel of the mask lies in a kept window of every map, if those with a blurred pixel are kept; and far from
    it no window is."""
    share = share_of_maps(labels(disc()), TINY, HEIGHT, WIDTH)
    assert share.shape == (HEIGHT, WIDTH)
    assert (share[disc()] == 1).all()
    assert share[:, :8].max() < 0.5
    finest = [index for index, decided in enumerate(TINY.maps) if decided.level == 0]
    alone = [label if index in finest else label * 0 for index, label in enumerate(labels(disc()))]
    near = share_of_maps(alone, TINY, HEIGHT, WIDTH) > 0
    rows, columns = np.nonzero(near)
    # Rows 13 to 27 are 20 to 34 of the frame, columns 48 to 62 are 61 to 75; windows begin at even numbers.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 28, 47, 62)


def test_a_window_over_the_far_edges_is_drawn_at_both() -> None:
    chosen = decisions(0)
    index = next(index for index, decided in enumerate(TINY.maps) if decided.shifted and decided.level == 4)
    chosen[index][0, -1, -1] = 1  # of 32 pixels, shifted by 16: it wraps over all four corners of the frame
    share = share_of_maps(chosen, TINY, HEIGHT, WIDTH)
    assert all(share[row, column] > 0 for row in (0, -1) for column in (0, -1))
    assert share[HEIGHT // 2, WIDTH // 2] == 0


def test_counts_against_the_mask() -> None:
    perfect = count_windows(labels(disc()), disc(), TINY)
    assert perfect.kept == perfect.blurred == perfect.both > 0
    assert (perfect.recall, perfect.precision) == (1, 1)
    everything = count_windows(decisions(1), disc(), TINY)
    assert everything.recall == 1 and everything.kept == everything.windows
    assert everything.precision == everything.blurred / everything.windows
    assert everything.windows == sum(rows * columns for rows, columns in network().grids(HEIGHT, WIDTH))
    by_level = sum((count_windows(decisions(1), disc(), TINY, level) for level in range(5)), WindowCounts())
    assert by_level == everything


def test_nothing_to_compare_is_no_number() -> None:
    nothing = count_windows(decisions(0), np.zeros((HEIGHT, WIDTH), bool), TINY)
    assert math.isnan(nothing.recall) and math.isnan(nothing.precision)


def test_other_maps_than_the_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="argument"):
        share_of_maps(decisions(1)[:-1], TINY, HEIGHT, WIDTH)
