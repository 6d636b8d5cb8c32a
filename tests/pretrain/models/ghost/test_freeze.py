from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch

from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.freeze import SlicedGhostConvolution, freeze, shifted
from tests.pretrain.models.ghost.tiny import aim, ghost_layer, layers, tiny_ghost
from tests.pretrain.models.super_resolution import TINY

SIZES = ((1, 1), (1, 4), (3, 1), (2, 2), (5, 7))


@pytest.mark.parametrize("reach", [1, 2])
def test_slices_equal_the_depthwise_form_bit_for_bit_at_any_offset_and_size(reach: int) -> None:
    for offset in product(range(-reach, reach + 1), repeat=2):
        layer = ghost_layer(offset, reach=reach).eval()
        sliced = SlicedGhostConvolution(layer)
        for size in SIZES:
            x = torch.randn(2, 4, *size)
            with torch.no_grad():
                assert torch.equal(sliced(x), layer(x)), (offset, size)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_with_an_offset_for_each_ghost_and_any_arrangement(share: float) -> None:
    layer = ghost_layer(offsets="channel", share=share, channels=20).eval()
    layer.source.set(torch.randint(layer.primary.out_channels, (layer.ghosts,)))
    layer.order.set(torch.randperm(20))
    sliced, x = SlicedGhostConvolution(layer), torch.randn(1, 4, 5, 4)
    assert 1 < len(sliced.runs) <= 9
    with torch.no_grad():
        assert torch.equal(sliced(x), layer(x))
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(sliced(x), layer(x))


@pytest.mark.parametrize("settings", [{}, {"offsets": "channel"}])
@pytest.mark.parametrize("name", TINY)
def test_a_frozen_network_gives_the_same_bits(name: str, settings: dict[str, Any]) -> None:
    model = tiny_ghost(name, **settings).eval()
    for index, layer in enumerate(layers(model)):
        aim(layer, *((0, 1), (-1, 0), (1, -1))[index % 3])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    frozen = freeze(model)
    assert not list(ghost_layers(frozen)) and not any(".shift" in key for key in frozen.state_dict())
    for size in SIZES:
        image = torch.rand(1, 3, *size)
        with torch.no_grad():
            assert torch.equal(frozen(image), model(image))
    assert len(layers(model)) > 0 and all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_shift_looks_down_and_right_and_leaves_zeros() -> None:
    x = torch.arange(1.0, 7.0).view(1, 1, 2, 3)
    assert shifted(x, 0, 1)[0, 0].tolist() == [[2, 3, 0], [5, 6, 0]]
    assert shifted(x, -1, 0)[0, 0].tolist() == [[0, 0, 0], [1, 2, 3]]
    assert shifted(x, 1, -1)[0, 0].tolist() == [[0, 4, 5], [0, 0, 0]]
    assert shifted(x, 0, 0) is x and shifted(x, 3, 0).abs().sum() == 0
