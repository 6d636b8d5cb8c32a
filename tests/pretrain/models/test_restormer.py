from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pretrain.models.restormer import (
    ChannelAttention,
    ChannelNorm,
    Downsample,
    Statistics,
    TransformerBlock,
    Upsample,
)


def normalise_then_multiply(attention: ChannelAttention, x: Tensor) -> Tensor:
    """Channel attention as the authors wrote it: every pixel of q and k is divided first."""
    q, k, v = (part.unflatten(1, (attention.heads, -1)).flatten(3) for part in attention.project(x))
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    mixed = ((q @ k.transpose(-2, -1)) * attention.temperature).softmax(dim=-1) @ v
    return attention.project_out(mixed.flatten(1, 2).view_as(x))


@pytest.mark.parametrize(("channels", "heads"), [(8, 1), (16, 4), (24, 2)])
def test_the_natural_form_of_attention_is_the_authors_form(channels: int, heads: int) -> None:
    torch.manual_seed(channels)
    attention = ChannelAttention(channels, heads)
    attention.temperature.data.uniform_(0.5, 3)
    x = torch.randn(3, channels, 20, 13)
    assert (attention(x) - normalise_then_multiply(attention, x)).abs().max() < 1e-6


def test_channels_without_any_signal_give_numbers_and_gradients() -> None:
    attention = ChannelAttention(8, 2)
    x = torch.zeros(1, 8, 4, 4, requires_grad=True)
    attention(x).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in attention.parameters())


def test_statistics_of_an_image_are_the_sum_of_those_of_its_rows() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(8, 2, 2.66).double()
    x = torch.randn(2, 8, 12, 5, dtype=torch.float64)
    whole = block.statistics(x)
    parts = [block.statistics(x[:, :, :6], bottom=1), block.statistics(x[:, :, 4:], top=1)]
    for total, *pieces in zip(whole, *parts, strict=True):
        torch.testing.assert_close(total, sum(pieces))


def test_a_block_given_its_statistics_is_the_block() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(8, 2, 2.66).double()
    x = torch.randn(2, 8, 6, 5, dtype=torch.float64)
    given = block.apply_statistics(x, block.attention.matrix(block.statistics(x)))
    torch.testing.assert_close(given, block(x))


def test_norms_are_float32_under_autocast() -> None:
    """In bfloat16 a sum of 4,096 squares would be off by percents."""
    torch.manual_seed(0)
    attention = ChannelAttention(8, 2)
    q, k = (torch.randn(1, 8, 64, 64).bfloat16() for _ in range(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        statistics = attention.statistics(q, k)
    assert {field.dtype for field in statistics} == {torch.float32}
    exact = q.double().square().sum((2, 3)).view(1, 2, 4)
    torch.testing.assert_close(statistics.q_squares_BND.double(), exact, rtol=1e-5, atol=0)


def test_double_precision_stays_double() -> None:
    attention = ChannelAttention(8, 2).double()
    x = torch.randn(1, 8, 4, 4, dtype=torch.float64)
    q, k, _ = attention.project(x)
    statistics = attention.statistics(q, k)
    assert isinstance(statistics, Statistics) and {field.dtype for field in statistics} == {torch.float64}
    assert attention(x).dtype == torch.float64


def test_the_norm_is_over_the_channels_of_a_pixel() -> None:
    norm = ChannelNorm(6)
    norm.weight.data, norm.bias.data = torch.arange(6.0), torch.full((6,), 0.5)
    x = torch.randn(2, 6, 3, 4)
    normed = norm(x)
    pixel = x[1, :, 2, 3]
    expected = (pixel - pixel.mean()) / (pixel.var(correction=0) + 1e-5).sqrt() * torch.arange(6.0) + 0.5
    torch.testing.assert_close(normed[1, :, 2, 3], expected)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)]
)
def test_the_norm_that_a_gpu_computes_is_the_one_a_cpu_computes(dtype: torch.dtype, tolerance: float) -> None:
    norm = ChannelNorm(6).to(torch.float64 if dtype == torch.float64 else torch.float32)
    norm.weight.data.normal_(), norm.bias.data.normal_()
    x = torch.randn(2, 6, 3, 4, dtype=dtype)
    planes = norm._planes(x)
    assert planes.dtype == dtype
    torch.testing.assert_close(planes.double(), norm.double()(x.double()), atol=tolerance, rtol=tolerance)


def test_resampling_halves_and_doubles() -> None:
    x = torch.randn(1, 8, 6, 4)
    assert Downsample(8)(x).shape == (1, 16, 3, 2)
    assert Upsample(8)(x).shape == (1, 4, 12, 8)


def test_gradients_of_a_block_are_those_of_its_equations() -> None:
    torch.manual_seed(0)
    block = TransformerBlock(4, 2, 2.66).double()
    names, values = zip(*((name, p.detach().requires_grad_()) for name, p in block.named_parameters()), strict=True)

    def run(x: Tensor, *weights: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(block, dict(zip(names, weights, strict=True)), (x,))
        return result

    x = torch.randn(2, 4, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(run, (x, *values))
