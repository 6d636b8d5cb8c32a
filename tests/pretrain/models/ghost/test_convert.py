from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pretrain.models.carn import EfficientUnit, ResidualUnit
from pretrain.models.edsr import EDSR, EDSRSettings, ResidualBlock
from pretrain.models.ghost.anneal import ghost_layers
from pretrain.models.ghost.convert import chains, choose, convert_from_pretrained, ghostify, inner_convolutions
from pretrain.models.ghost.layer import GhostConvolution, GhostSettings
from tests.pretrain.models.ghost.tiny import aim, layers
from tests.pretrain.models.super_resolution import TINY, tiny, whole

HALF = GhostSettings()
Convert = Callable[[nn.Module, GhostSettings], nn.Module]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_what_is_converted_is_what_blocks_name() -> None:
    assert len(inner_convolutions(whole("edsr", 2))) == 64 and len(inner_convolutions(whole("rdn", 2))) == 128
    assert list(chains(tiny("edsr"))) == [[f"blocks.{i}.first", f"blocks.{i}.second"] for i in range(2)]
    assert inner_convolutions(tiny("rdn"))[0] == "blocks.0.layers.0.convolution"
    assert inner_convolutions(tiny("carn-m"))[:3] == [
        f"cascade.steps.0.steps.0.{name}" for name in ("first", "second", "mix")
    ]
    assert list(chains(ResidualUnit(4))) == [["first", "second"]]


@pytest.mark.parametrize("convert", [ghostify, convert_from_pretrained])
@pytest.mark.parametrize("name", TINY)
def test_share_0_changes_nothing(name: str, convert: Convert) -> None:
    model, image = tiny(name), torch.rand(1, 3, 5, 4)
    same = convert(model, GhostSettings(share=0))
    assert same is not model and not layers(same)
    assert torch.equal(same(image), model(image))


@pytest.mark.parametrize("convert", [ghostify, convert_from_pretrained])
@pytest.mark.parametrize("name", TINY)
def test_exactly_the_chosen_convolutions_are_halved(name: str, convert: Convert) -> None:
    model = tiny(name)
    dense, state = dict(model.named_modules()), {key: value.clone() for key, value in model.state_dict().items()}
    converted = convert(model, HALF)
    found = dict(ghost_layers(converted))
    assert set(found) == set(inner_convolutions(model))
    for key, layer in found.items():
        assert 2 * layer.primary.weight.numel() == dense[key].weight.numel()
        assert layer.primary.groups == dense[key].groups
    for key, value in converted.state_dict().items():
        if key in state:
            assert torch.equal(value, state[key]), key
    assert converted(torch.rand(1, 3, 4, 4)).shape == (1, 3, 8, 8)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())  # the original is untouched


def test_others_can_be_selected() -> None:
    converted = ghostify(tiny("edsr"), HALF, select=lambda name: name in ("last", "blocks.1.second", "blocks"))
    assert [name for name, _ in ghost_layers(converted)] == ["blocks.1.second", "last"]
    assert not ghostify(tiny("edsr").eval(), HALF).blocks[0].first.training


def test_the_choice_is_the_members_nearest_the_means_and_repeats() -> None:
    filters = np.array([[0.0, 0], [9, 9], [0, 1], [9, 8], [0, 0.4], [5, -7]])
    choice = choose(filters, 3)
    assert choice.intrinsic == [1, 4, 5] and choice.ghosts == [0, 2, 3]
    assert choice.source == [1, 2, 0]  # filter 2 finds its cluster's map taken by the nearer filter 0
    random = np.random.default_rng(1).normal(size=(32, 20))
    assert choose(random, 16) == choose(random.copy(), 16)
    assert sorted(choose(random, 16).source) == list(range(16))  # as many ghosts as maps: each serves once
    assert max(np.bincount(choose(random, 8).source)) == 3 == min(np.bincount(choose(random, 8).source))


def test_conversion_repeats() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(convert_from_pretrained(tiny("carn-m"), HALF).state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def paired(block: nn.Module) -> nn.Module:
    """Every filter twice, at random places (of its group): nothing is lost when half of them go."""
    with torch.no_grad():
        for name in block.chain:
            layer = block.get_submodule(name)
            members = layer.out_channels // layer.groups
            for first in range(0, layer.out_channels, members):
                places = first + torch.randperm(members)
                layer.weight[places[: members // 2]] = layer.weight[places[members // 2 :]]
                layer.bias[places[: members // 2]] = layer.bias[places[members // 2 :]]
    return block


@pytest.mark.parametrize(
    "block",
    [ResidualBlock(8, 0.5), ResidualUnit(8), EfficientUnit(16, 4), EfficientUnit(8, 1)],
    ids=lambda b: type(b).__name__,
)
def test_where_nothing_is_lost_a_converted_block_equals_the_dense_one(block: nn.Module) -> None:
    torch.manual_seed(0)
    block = paired(block).double()
    converted, x = convert_from_pretrained(block, HALF).eval(), torch.rand(2, block.first.in_channels, 5, 4).double()
    for layer in layers(converted):
        aim(layer, 0, 0)  # the twin of a map is the map itself
    with torch.no_grad():
        torch.testing.assert_close(converted(x), block(x), rtol=0, atol=1e-12)


def test_a_reader_is_reordered_within_the_block_and_what_leaves_it_keeps_its_order() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(8, 0.5)
    converted = convert_from_pretrained(block, HALF)
    assert converted.first.order.index.tolist() == list(range(8))
    assert sorted(converted.second.order.index.tolist()) == list(range(8)) != converted.second.order.index.tolist()
    kept = [place for place in range(8) if converted.second.order.index[place] < 4]
    x = torch.rand(1, 8, 4, 4)
    torch.testing.assert_close(converted.eval().second(x)[:, kept], converted.second.primary(x))


def test_only_the_reader_is_reordered_where_it_is_not_converted() -> None:
    torch.manual_seed(0)
    block = paired(ResidualBlock(8, 0.5))
    converted, x = (
        convert_from_pretrained(block, HALF, select=lambda name: name == "first").eval(),
        torch.rand(1, 8, 4, 4),
    )
    aim(converted.first, 0, 0)
    assert isinstance(converted.second, nn.Conv2d) and not torch.equal(converted.second.weight, block.second.weight)
    torch.testing.assert_close(converted(x), block(x))


def smooth(count: int, side: int) -> Tensor:
    return nn.functional.interpolate(torch.rand(count, 3, 4, 4), size=(side, side), mode="bicubic").clamp(0, 1)


def trained() -> EDSR:
    """A small EDSR after some steps of enlarging smooth pictures."""
    torch.manual_seed(0)
    model = EDSR(EDSRSettings(2, width=16, blocks=2, residual_scale=1.0))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(120):
        wanted = smooth(8, 16)
        loss = (model(nn.functional.avg_pool2d(wanted, 2)) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def test_inherited_weights_are_nearer_to_the_trained_network_than_new_ones() -> None:
    model = trained()
    images = nn.functional.avg_pool2d(smooth(8, 24), 2)
    errors: dict[str, list[float]] = {"inherited": [], "new": []}
    with torch.no_grad():
        dense = model(images)
        for seed in range(4):
            torch.manual_seed(seed)
            for name, convert in (("inherited", convert_from_pretrained), ("new", ghostify)):
                errors[name].append(float((convert(model, HALF)(images) - dense).abs().mean()))
    assert max(errors["inherited"]) < min(errors["new"])


def test_a_checkpoint_of_a_converted_network_goes_into_one_with_new_weights() -> None:
    model, image = convert_from_pretrained(tiny("carn"), HALF).eval(), torch.rand(1, 3, 5, 5)
    other = ghostify(tiny("carn"), HALF).eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(image), model(image))
    assert isinstance(other.cascade.steps[0].steps[0].first, GhostConvolution)
