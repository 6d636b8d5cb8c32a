"""The 1×1 convolution against PyTorch's own."""

from __future__ import annotations

import torch
from torch.nn import functional

from pretrain.models.pointwise import Pointwise


def test_result_and_gradients_are_those_of_a_convolution() -> None:
    torch.manual_seed(0)
    layer, x = Pointwise(5, 7).double(), torch.randn(3, 5, 4, 6, dtype=torch.float64, requires_grad=True)
    ours = layer(x)
    convolved = functional.conv2d(x, layer.weight)
    torch.testing.assert_close(ours, convolved)
    seed = torch.randn_like(ours)
    for found, wanted in zip(
        torch.autograd.grad(ours, (x, layer.weight), seed),
        torch.autograd.grad(convolved, (x, layer.weight), seed),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_weights_are_named_and_shaped_as_a_convolution_s() -> None:
    assert {name: tuple(value.shape) for name, value in Pointwise(5, 7).state_dict().items()} == {
        "weight": (7, 5, 1, 1)
    }
