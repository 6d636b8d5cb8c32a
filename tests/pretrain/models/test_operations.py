from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pretrain.models.counting import count_operations
from pretrain.models.operations import Macs, count_macs
from pretrain.models.promptir import from_published
from pretrain.models.variants import SMALL, Variant
from tests.pretrain.models import published


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), (2, 3, 5, 7), Macs(convolutions=2 * 35 * 27 * 8)),
        (nn.Conv2d(4, 6, 3, stride=2), (1, 4, 7, 7), Macs(convolutions=9 * 9 * 4 * 6)),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), (1, 8, 5, 7), Macs(35 * 9 * 8, grouped=35 * 9 * 8)),
        (nn.Conv2d(8, 4, 1, groups=2), (1, 8, 5, 7), Macs(35 * 16, grouped=35 * 16)),
        (nn.ConvTranspose2d(8, 4, 2, stride=2), (1, 8, 5, 7), Macs(35 * 8 * 4 * 4)),
        (nn.Linear(7, 3), (5, 7), Macs(linears=105)),
        (nn.Linear(7, 3, bias=False), (2, 5, 7), Macs(linears=210)),
        (nn.Sequential(nn.LayerNorm(7), nn.ReLU(), nn.Upsample(scale_factor=2)), (2, 5, 7), Macs()),
    ],
)
def test_layers_count_what_one_counts_by_hand(layer: nn.Module, shape: tuple[int, ...], expected: Macs) -> None:
    assert count_macs(layer, *shape) == expected


class Attention(nn.Module):
    """Self-attention of 4 heads among pixels, with a bias per pair of pixels that a small network makes."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.qkv, self.bias = form, nn.Linear(8, 24), nn.Linear(2, 4)

    def forward(self, image_BCHW: Tensor) -> Tensor:  # noqa: N803
        batch, tokens = image_BCHW.shape[0], image_BCHW[0, 0].numel()
        x = image_BCHW.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(x).view(batch, tokens, 3, 4, 2).permute(2, 0, 3, 1, 4)
        bias = self.bias(torch.ones(tokens, tokens, 2, device=x.device)).permute(2, 0, 1)
        if self.form == "fused":
            out = functional.scaled_dot_product_attention(q, k, v, bias)
        elif self.form == "einsum":
            out = (torch.einsum("bhid,bhjd->bhij", q, k) + bias).softmax(-1) @ v
        else:
            out = torch.zeros_like(q)
            out[:] = (q @ k.transpose(-2, -1) + bias).softmax(-1) @ v
        return out.transpose(1, 2).reshape_as(x)


@pytest.mark.parametrize("form", ["fused", "einsum", "written out"])
def test_attention_counts_the_same_in_any_form_and_a_bias_without_the_image_nothing(form: str) -> None:
    model = Attention(form)
    assert count_macs(model, 3, 8, 2, 5) == Macs(linears=3 * 10 * 8 * 24, attention=3 * 2 * 10 * 10 * 8)
    assert all(parameter.requires_grad and not parameter.is_meta for parameter in model.parameters())


def test_a_matrix_of_weights_is_a_linear_map_whatever_multiplies_it() -> None:
    class Pixelwise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(6, 4))

        def forward(self, x: Tensor) -> Tensor:
            once = torch.bmm(self.weight.expand(x.shape[0], -1, -1), x)
            return torch.baddbmm(once, self.weight.detach().expand(x.shape[0], -1, -1), x)

    assert count_macs(Pixelwise(), 2, 4, 9) == Macs(linears=2 * 2 * 6 * 4 * 9)


def test_counts_add() -> None:
    assert Macs(4, 1, 2, 3) + Macs(40, 10, 20, 30) == Macs(44, 11, 22, 33)
    assert Macs(4, 1, 2, 3).total == 9


def test_an_operator_without_a_formula_is_refused() -> None:
    class Vector(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.mv(x, torch.ones(x.shape[1], device=x.device))

    with pytest.raises(TypeError, match=r"no way to count aten\.mv"):
        count_macs(Vector(), 3, 4)


class Plain(nn.Module):
    """DyNet as its plain equations, whose weights are handed over as they are."""

    def __init__(self, state: published.State, variant: Variant) -> None:
        super().__init__()
        self.keys, self.variant = tuple(state), variant
        self.values = nn.ParameterList(nn.Parameter(value) for value in state.values())

    def forward(self, image: Tensor) -> Any:
        state = dict(zip(self.keys, self.values, strict=True))
        return published.restore(state, image, True, self.variant.repeats, skips=True)


def test_it_agrees_with_the_exact_count_of_dynet() -> None:
    layout = published.Layout(True, width=8, prompts=(12, 20, 52), sides=(8, 4, 2), refinement=1)
    state = layout.state(dtype=torch.float32)
    followed, exact = (
        count_macs(Plain(state, SMALL), 1, 3, 16, 24),
        count_operations(from_published(state), SMALL, 16, 24),
    )
    assert followed == Macs(exact.convolutions, exact.grouped, exact.linears, exact.attention)
