"""Tiles cover every pixel, blend without seams, and are exact for a model that looks only at its neighbourhood."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from million_ird.errors import UsageError
from pretrain.tiles import _spans, restore_tiled


class _Local:
    """A model of which every output pixel depends on itself alone; it records the shapes that it was given."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, x: Tensor, variant: str) -> Tensor:
        assert variant == "small"
        self.sizes.append((x.shape[-2], x.shape[-1]))
        return 2 * x - 1


@given(
    length=st.integers(1, 3000),
    eighths=st.integers(1, 64),
    data=st.data(),
)
def test_tiles_cover_a_side_and_overlap_as_asked(length: int, eighths: int, data: st.DataObject) -> None:
    tile = 8 * eighths
    overlap = 8 * data.draw(st.integers(0, eighths // 2))
    spans = list(_spans(length, tile, overlap))
    assert spans[0][0] == 0 and spans[-1][1] == length
    assert all(start % 8 == 0 and 0 < end - start <= tile for start, end in spans)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end - start >= overlap
    assert len(spans) == 1 or (len(spans) - 1) * (tile - overlap) + overlap < length, "no tile too many"


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 63), (17, 150), (129, 97), (5, 5), (1, 200)])
@pytest.mark.parametrize("overlap", [0, 8, 32])
def test_a_local_model_gives_the_untiled_result(height: int, width: int, overlap: int) -> None:
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    model = _Local()
    result = restore_tiled(model, x, "small", tile=64, overlap=overlap)
    torch.testing.assert_close(result, 2 * x - 1, atol=1e-6, rtol=0)
    assert max(map(max, model.sizes)) <= 64


def test_neighbours_that_disagree_are_blended_smoothly() -> None:
    """Each tile comes back as a constant of its own: between two of them the result rises without a step."""
    levels = iter([0.0, 1.0])
    result = restore_tiled(lambda x, variant: torch.full_like(x, next(levels)), torch.zeros(1, 3, 64, 96), "small", 64)
    row = result[0, 0, 10]
    assert row[:32].eq(0).all() and row[64:].eq(1).all()
    steps = row[32:64].diff()
    assert (steps > 0).all() and steps.max() < 0.06


def test_an_image_within_one_tile_is_given_whole() -> None:
    model = _Local()
    restore_tiled(model, torch.rand(1, 3, 61, 64), "small", tile=64, overlap=8)
    assert model.sizes == [(61, 64)]


def test_it_says_how_far_it_is() -> None:
    said: list[tuple[int, int]] = []
    x = torch.rand(1, 3, 64, 120)
    restore_tiled(_Local(), x, "small", tile=64, overlap=8, after_tile=lambda done, total: said.append((done, total)))
    assert said == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (60, 8), (64, 4), (64, 40), (64, -8), (-64, 0)])
def test_impossible_tiles_are_refused(tile: int, overlap: int) -> None:
    with pytest.raises(UsageError, match="multiple of 8"):
        restore_tiled(_Local(), torch.rand(1, 3, 64, 64), "small", tile, overlap)
