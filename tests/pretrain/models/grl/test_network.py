from __future__ import annotations

import copy
import dataclasses
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pretrain.models.grl.block import Block
from pretrain.models.grl.coordinates import PositionBias
from pretrain.models.grl.network import GRL, pad
from tests.pretrain.models.grl import reference_grl as reference
from tests.pretrain.models.grl.conftest import NARROW

Narrow = Callable[..., GRL]


def plain(state: dict[str, Tensor]) -> reference.State:
    return {name: value.detach().double().numpy() for name, value in state.items()}


@pytest.mark.parametrize("index", [0, 1, 2, 3, 6])  # four kinds, by turns
def test_a_block_is_what_its_description_says_pixel_by_pixel(narrow: Narrow, index: int) -> None:
    model = narrow(width=24 if index == 0 else 8, local=index == 0, depths=(index + 1,)).double()
    block = model.stages[0].blocks[index]
    assert isinstance(block, Block)
    x = torch.randn(2, 8, 16, model.settings.width, dtype=torch.float64)
    expected = reference.block(x[1].numpy(), plain(block.state_dict()), model.settings, index)
    for gradients in (True, False):  # PyTorch computes attention by other kernels without
        with torch.set_grad_enabled(gradients):
            np.testing.assert_allclose(block(x)[1].detach().numpy(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"colours": 1},
        {"upsampler": "direct", "scale": 3},
        {"upsampler": "shuffle", "scale": 3},
        {"upsampler": "shuffle", "scale": 4},
        {"upsampler": "nearest", "scale": 4},
    ],
)
def test_the_network_is_what_its_description_says(narrow: Narrow, changes: dict[str, Any]) -> None:
    model = narrow(depths=(2, 1), **changes).double()
    image = torch.rand(1, model.settings.colours, 8, 8, dtype=torch.float64)
    expected = reference.network(image[0].permute(1, 2, 0).numpy(), plain(model.state_dict()), model.settings)
    np.testing.assert_allclose(model(image)[0].permute(1, 2, 0).detach().numpy(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("height", "width"), [(13, 21), (5, 6), (1, 1), (3, 17)])
def test_any_size_is_padded_and_cropped(narrow: Narrow, height: int, width: int) -> None:
    model = narrow(depths=(1,), upsampler="direct", scale=2)
    image = torch.rand(2, 3, height, width)
    padded = pad(image, 8)
    result = model(image)
    assert result.shape == (2, 3, 2 * height, 2 * width) and result.isfinite().all()
    assert padded.shape[2] % 8 == padded.shape[3] % 8 == 0
    assert torch.equal(result, model(padded)[:, :, : 2 * height, : 2 * width])


@torch.no_grad()
def test_a_new_network_that_does_not_enlarge_gives_the_image_back() -> None:
    image = torch.rand(1, 3, 9, 13)
    torch.testing.assert_close(GRL(NARROW).eval()(image), image)


def test_padding_reflects_or_else_is_black() -> None:
    image = torch.rand(1, 3, 5, 8)
    assert torch.equal(pad(image, 8)[:, :, 5:], image[:, :, [3, 2, 1]])
    assert torch.equal(pad(image, 4), torch.nn.functional.pad(image, (0, 0, 0, 3), "reflect"))
    small = torch.rand(1, 3, 4, 8)
    assert not pad(small, 8)[:, :, 4:].any()
    assert torch.equal(pad(small, 4), small)


def test_the_state_holds_weights_alone_before_and_after_use(narrow: Narrow) -> None:
    model = narrow()
    with torch.no_grad():
        model(torch.rand(1, 3, 16, 16))
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
    assert set(model.state_dict()) == set(GRL(NARROW).state_dict())


def test_the_same_weights_load_under_other_windows_and_give_another_picture(narrow: Narrow) -> None:
    model = narrow()
    other = GRL(dataclasses.replace(NARROW, window=8, stripe=(8, 16), anchor_factor=4)).eval()
    other.load_state_dict(model.state_dict())
    image = torch.rand(1, 3, 16, 16)
    assert not torch.allclose(model(image), other(image), atol=1e-3)


@torch.no_grad()
def test_kept_position_tables_change_nothing(narrow: Narrow) -> None:
    def computed() -> Tensor:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PositionBias, "table", PositionBias._made)
            result: Tensor = model(image)
        return result

    model, image = narrow(), torch.rand(1, 3, 11, 13)
    first, second = model(image), model(image)
    assert torch.equal(first, second) and torch.equal(second, computed())
    model.load_state_dict({name: value * 1.1 for name, value in model.state_dict().items()})
    assert not torch.equal(model(image), first) and torch.equal(model(image), computed())


def test_many_sizes_leave_no_more_behind_than_one(narrow: Narrow) -> None:
    def held() -> int:
        gc.collect()
        tensors = (thing for thing in gc.get_objects() if type(thing) is Tensor)
        return sum(tensor.numel() for tensor in tensors)

    model = narrow(depths=(4,))
    with torch.no_grad():
        model(torch.rand(1, 3, 8, 8))
        before = held()
        for height, width in [(9, 30), (24, 8), (33, 17), (16, 40), (40, 40)]:
            model(torch.rand(1, 3, height, width))
        assert held() <= before


def test_branches_are_dropped_in_training_alone_for_each_image(narrow: Narrow) -> None:
    model = narrow(depths=(2,), drop_path=0.5)
    images = torch.rand(1, 3, 8, 8).expand(8, -1, -1, -1)
    whole = model(images)
    assert torch.allclose(whole, whole[:1].expand_as(whole), atol=1e-6)
    model.train()
    torch.manual_seed(1)
    first = model(images)
    torch.manual_seed(1)
    assert torch.equal(model(images), first)
    assert not torch.equal(model(images), first)
    assert len({round(value.item(), 6) for value in first.detach().sum((1, 2, 3))}) > 1


def test_dropped_branches_are_made_up_for_on_average() -> None:
    block = Block(NARROW, 0, 0.25).train()
    torch.manual_seed(0)
    dropped = block._dropped(torch.ones(4000, 1, 1, 1))
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(dropped.mean() - 1) < 0.05
    assert torch.equal(block.eval()._dropped(torch.ones(3, 1, 1, 1)), torch.ones(3, 1, 1, 1))


def test_half_precision_is_near_and_the_stream_of_features_stays_float32(narrow: Narrow) -> None:
    model = narrow()
    image = torch.rand(1, 3, 12, 9)
    exact = model(image).detach()
    features = []
    model.stages.register_forward_hook(lambda *call: features.append(call[2].dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(image)
    assert features == [torch.float32]
    assert (rounded - exact).abs().mean() < 0.05 * exact.std()
    half = copy.deepcopy(model).bfloat16()(image.bfloat16())
    assert half.dtype == torch.bfloat16 and half.isfinite().all()
    torch.testing.assert_close(model.double()(image.double()).float(), exact, atol=1e-4, rtol=1e-4)
