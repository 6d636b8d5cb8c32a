from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.ghost.layer import Gather, GhostConvolution, GhostSettings
from tests.pretrain.models.ghost.tiny import aim, ghost_layer, seeded, tiny_ghost
from tests.pretrain.models.super_resolution import TINY


def one_by_one(layer: GhostConvolution, x: Tensor) -> Tensor:
    """A ghost convolution in eval mode, map by map and pixel by pixel."""
    y = layer.primary(x)
    height, width = y.shape[2:]
    maps = [y[:, channel] for channel in range(y.shape[1])]
    for source, (down, right) in zip(layer.source.index.tolist(), layer.chosen_offsets(), strict=True):
        ghost = torch.zeros_like(maps[0])
        for row in range(max(0, -down), min(height, height - down)):
            for column in range(max(0, -right), min(width, width - right)):
                ghost[:, row, column] = y[:, source, row + down, column + right]
        maps.append(ghost)
    return torch.stack([maps[place] for place in layer.order.index.tolist()], dim=1)


@pytest.mark.parametrize("settings", [{}, {"share": 0.8}, {"share": 0.3, "reach": 2}, {"offsets": "channel"}])
def test_ghosts_are_shifts_of_intrinsic_maps(settings: dict[str, Any]) -> None:
    layer, x = ghost_layer(**settings).eval(), torch.rand(2, 4, 5, 4)
    with torch.no_grad():
        assert torch.equal(layer(x), one_by_one(layer, x))
        layer.source.set(torch.randint(layer.primary.out_channels, (layer.ghosts,)))
        layer.order.set(torch.randperm(6))
        assert torch.equal(layer(x), one_by_one(layer, x))


@pytest.mark.parametrize(
    ("channels", "groups", "share", "intrinsic"),
    [
        (6, 1, 0.5, 3),
        (7, 1, 0.5, 4),
        (8, 4, 0.5, 4),
        (64, 1, 0.25, 48),
        (64, 1, 0.75, 16),
        (5, 1, 0.1, 5),
        (10, 1, 0.3, 7),
    ],
)
def test_the_intrinsic_maps_are_the_rest_rounded_up(channels: int, groups: int, share: float, intrinsic: int) -> None:
    dense = nn.Conv2d(8, channels, 3, groups=groups)
    assert GhostSettings(share=share).intrinsic(dense) == intrinsic


def test_the_primary_convolution_is_shaped_as_the_dense_one() -> None:
    dense = nn.Conv2d(4, 8, (3, 1), (2, 1), (1, 0), (1, 2), groups=2, bias=False, padding_mode="reflect").double()
    layer, x = GhostConvolution(dense, GhostSettings()), torch.rand(1, 4, 6, 6, dtype=torch.float64)
    assert layer.primary.weight.shape == (4, 2, 3, 1) and layer.primary.bias is None
    assert layer(x).shape == dense(x).shape and layer(x).dtype == torch.float64


@pytest.mark.parametrize("gradient", ["raw", "softmax"])
@pytest.mark.parametrize("offsets", ["layer", "channel"])
def test_the_kernel_is_one_hot_and_sums_to_one(gradient: str, offsets: str) -> None:
    layer = ghost_layer(gradient=gradient, offsets=offsets)
    for _ in range(20):
        kernel = layer.kernel()
        assert kernel.shape == (1 if offsets == "layer" else 3, 1, 3, 3)
        assert torch.equal(kernel.sum(dim=(1, 2, 3)), torch.ones(len(kernel)))
        assert torch.equal(kernel.amax(dim=(1, 2, 3)), torch.ones(len(kernel)))


def test_gradients_pass_straight_to_the_raw_weights() -> None:
    layer, wanted = ghost_layer(), torch.rand(1, 1, 3, 3)
    (layer.kernel() * wanted).sum().backward()
    assert torch.equal(layer.shift.grad, wanted)


def test_or_through_the_softmax_of_the_noisy_scores() -> None:
    layer, wanted = ghost_layer(gradient="softmax"), torch.rand(1, 1, 3, 3)
    with torch.no_grad():
        layer.noise.zero_()
    (layer.kernel() * wanted).sum().backward()
    plain = layer.shift.detach().clone().requires_grad_()
    (plain.abs().flatten().softmax(0) * wanted.flatten()).sum().backward()
    torch.testing.assert_close(layer.shift.grad, plain.grad)


def test_a_step_can_move_the_offset_to_where_the_loss_falls() -> None:
    layer, x = ghost_layer((0, 0)), torch.rand(4, 4, 8, 8)
    with torch.no_grad():
        layer.shift[:] = 0.1
        layer.shift[0, 0, 1, 1] = 0.2
        wanted = ghost_layer((0, 1)).eval()(x)
    layer.eval()  # no noise; the gradient of training all the same
    kernel = layer.kernel() + (layer.shift - layer.shift.detach())
    ghosts = nn.functional.conv2d(layer.primary(x), kernel.expand(3, -1, -1, -1), padding=1, groups=3)
    (ghosts - wanted[:, 3:]).square().mean().backward()
    assert int(layer.shift.grad.flatten().argmin()) == 5  # one pixel to the right grows the most


def test_without_noise_the_largest_absolute_weight_decides() -> None:
    layer = ghost_layer((-1, 1))
    with torch.no_grad():
        layer.shift[0, 0, 2, 0] = -8
    assert layer.chosen_offsets() == [(1, -1)] * 3
    with torch.no_grad():
        layer.noise.zero_()
    assert torch.equal(layer.train().kernel(), layer.eval().kernel())


def test_all_offsets_are_tried_at_first_and_draws_repeat_with_the_seed() -> None:
    layer = ghost_layer()
    with seeded(3), torch.no_grad():
        drawn = [int(layer.kernel().argmax()) for _ in range(900)]
    with seeded(3), torch.no_grad():
        assert [int(layer.kernel().argmax()) for _ in range(20)] == drawn[:20]
    counts = Counter(drawn)
    assert len(counts) == 9 and max(counts.values()) < 0.25 * len(drawn)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("settings", [{}, {"offsets": "channel", "gradient": "softmax"}])
def test_gradients_reach_every_parameter_of_a_network(name: str, settings: dict[str, Any]) -> None:
    model = tiny_ghost(name, **settings)
    scales = getattr(model.settings, "scales", (None,))
    for _ in range(3):  # draws enough for no ghost to lie on a ReLU's dead side in all of them
        for scale in scales:
            result = model(torch.rand(2, 3, 6, 5), *([scale] if scale else []))
            result.square().mean().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
    assert all(parameter.grad.abs().max() > 0 for key, parameter in model.named_parameters() if "shift" in key)


def test_half_precision_moves_the_same_pixels() -> None:
    layer, x = ghost_layer((1, 0)).eval(), torch.rand(1, 4, 6, 5)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.bfloat16
    assert torch.equal(half[:, 3:, :-1], half[:, :3, 1:]) and half[:, 3:, -1].abs().max() == 0


def test_gathering_knows_after_loading_whether_it_must() -> None:
    x, plain, turned = torch.rand(1, 3, 2, 2), Gather(torch.arange(3)), Gather(torch.tensor([2, 0, 1]))
    assert plain(x).data_ptr() == x.data_ptr()
    plain.load_state_dict(turned.state_dict())
    assert torch.equal(plain(x), x[:, [2, 0, 1]])
    with torch.device("meta"):
        empty = Gather(torch.arange(3))
    empty.load_state_dict(turned.state_dict(), assign=True)
    assert torch.equal(empty(x), x[:, [2, 0, 1]])


def test_aiming_moves_the_choice() -> None:
    layer = ghost_layer(reach=2)
    for offset in ((0, 0), (-2, 1), (2, 2)):
        with torch.no_grad():
            layer.shift.zero_()
        aim(layer, *offset)
        assert set(layer.chosen_offsets()) == {offset}


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 1.0},
        {"share": -0.1},
        {"reach": 0},
        {"offsets": "block"},
        {"gradient": "none"},
        {"noise_decay": 0.0},
        {"noise_decay": 1.1},
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))}:"):
        GhostSettings(**wrong)
