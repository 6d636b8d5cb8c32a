"""Tiles cover every pixel, blend without seams, and are exact for a model that looks only at its neighbourhood."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.carn import CARN, CARNSettings
from pretrain.models.edsr import EDSR, EDSRSettings
from pretrain.models.rdn import RDN, RDNSettings
from pretrain.models.variants import SMALL, WHOLE, AnyVariant
from pretrain.tiles import Tiles, restore_tiled


class _Local:
    """A model of which every output pixel depends on itself alone; it records the shapes that it was given."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def __call__(self, x: Tensor, variant: AnyVariant) -> Tensor:
        assert variant == SMALL
        self.sizes.append((x.shape[-2], x.shape[-1]))
        return 2 * x - 1


@given(length=st.integers(1, 3000), multiple=st.sampled_from([1, 2, 8, 96, 128]), data=st.data())
def test_tiles_cover_a_side_and_overlap_as_asked(length: int, multiple: int, data: st.DataObject) -> None:
    side = multiple * data.draw(st.integers(1, max(1, 512 // multiple)))
    overlap = data.draw(st.integers(0, side // 2)) if side > multiple else 0
    spans = Tiles(side, overlap, multiple).spans(length)
    assert spans[0][0] == 0 and spans[-1][1] == length
    assert all(start % multiple == 0 and 0 < end - start <= side for start, end in spans)
    assert all(end - start > side - multiple or len(spans) == 1 for start, end in spans)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end - start >= overlap
    stride = (side - overlap) // multiple * multiple
    assert len(spans) == 1 or (len(spans) - 2) * stride + side < length, "no tile too many"


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 63), (17, 150), (129, 97), (5, 5), (1, 200)])
@pytest.mark.parametrize("overlap", [0, 9, 32])
def test_a_local_model_gives_the_untiled_result(height: int, width: int, overlap: int) -> None:
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    model = _Local()
    result = restore_tiled(model, x, SMALL, Tiles(64, overlap, 8))
    torch.testing.assert_close(result, 2 * x - 1, atol=1e-6, rtol=0)
    assert max(map(max, model.sizes)) <= 64


NEIGHBOURHOODS = (
    (EDSR(EDSRSettings(3, width=4, blocks=1, residual_scale=1.0)), 6),
    (RDN(RDNSettings(2, blocks=1, layers=1, growth=4, width=4)), 7),
    (CARN(CARNSettings(2, width=4)), 27),
)
"""Networks that are local, and how many pixels of the input theirs reach at most: one for each 3×3 convolution."""


@pytest.mark.parametrize(("model", "reach"), NEIGHBOURHOODS)
def test_networks_that_look_at_a_neighbourhood_are_exact_when_it_lies_in_a_quarter_of_the_overlap(
    model: nn.Module, reach: int
) -> None:
    torch.manual_seed(0)
    model.eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)  # far pixels count for something
    image = torch.rand(1, 3, 2 * reach + 5, 15 * reach)
    scale = model.scale
    assert isinstance(scale, int)
    with torch.no_grad():
        whole = model(image)
        tiled = [restore_tiled(model, image, WHOLE, Tiles(8 * reach, overlap), scale) for overlap in (4 * reach, 2)]
    assert tiled[0].shape == (1, 3, scale * image.shape[2], scale * image.shape[3])
    difference, of_seams = (float((each - whole).abs().max() / whole.abs().max()) for each in tiled)
    assert difference < 1e-5 and of_seams > 1e-4


def test_neighbours_that_disagree_are_blended_smoothly_in_the_middle_half_of_their_overlap() -> None:
    """Each tile comes back as a constant of its own: between two of them the result rises without a step."""
    levels = iter([0.0, 1.0])
    image = torch.zeros(1, 3, 64, 96)

    def model(x: Tensor, **_: object) -> Tensor:
        return torch.full_like(x, next(levels)).repeat_interleave(2, 2).repeat_interleave(2, 3)

    row = restore_tiled(model, image, WHOLE, Tiles(64, 32, 8), 2)[0, 0, 10]
    assert row[: 2 * 40].eq(0).all() and row[2 * 56 :].eq(1).all()
    steps = row[2 * 40 : 2 * 56].diff()
    assert (steps > 0).all() and steps.max() < 0.06


def test_an_image_within_one_tile_is_given_whole() -> None:
    model = _Local()
    restore_tiled(model, torch.rand(1, 3, 61, 64), SMALL, Tiles(64, 8))
    assert model.sizes == [(61, 64)]


def test_it_says_how_far_it_is() -> None:
    said: list[tuple[int, int]] = []
    x = torch.rand(1, 3, 64, 120)
    restore_tiled(_Local(), x, SMALL, Tiles(64, 8), after_tile=lambda done, total: said.append((done, total)))
    assert said == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("side", "overlap", "multiple", "says"),
    [
        (0, 0, 1, "tile: got 0, expected 1 or more"),
        (60, 8, 8, "tile: got 60, expected a multiple of 8"),
        (64, 40, 8, "overlap: got 40, expected 0 to 32 with tiles of 64"),
        (64, -8, 8, "overlap: got -8"),
        (128, 32, 128, "overlap: got 32, expected 0 to 0 with tiles of 128"),
    ],
)
def test_impossible_tiles_are_refused(side: int, overlap: int, multiple: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Tiles(side, overlap, multiple)
