"""The plain forms against the equation, written with loops; what the choice of form does."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from million_ird.errors import UsageError
from pretrain.models import gated_depthwise as forms


def _convolved(x: Tensor, weight: Tensor) -> Tensor:
    """The convolution as its definition has it, pixel by pixel, zero outside."""
    height, width = x.shape[2:]
    result = torch.zeros_like(x)
    for row in range(height):
        for column in range(width):
            for i in (-1, 0, 1):
                for j in (-1, 0, 1):
                    if 0 <= row + i < height and 0 <= column + j < width:
                        result[:, :, row, column] += x[:, :, row + i, column + j] * weight[:, 0, i + 1, j + 1]
    return result


def _random(channels: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(channels)
    x = torch.randn(2, channels, 4, 5, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randn(channels, 1, 3, 3, generator=generator, dtype=torch.float64).to(dtype)


def test_gated_depthwise_is_the_equation() -> None:
    x, weight = _random(6)
    convolved = _convolved(x, weight)
    gelu = 0.5 * convolved[:, :3] * (1 + torch.erf(convolved[:, :3] / math.sqrt(2)))
    torch.testing.assert_close(forms.gated_depthwise(x, weight), gelu * convolved[:, 3:])


def test_depthwise_thirds_are_the_thirds_of_the_convolution() -> None:
    x, weight = _random(6)
    convolved = _convolved(x, weight)
    for index, third in enumerate(forms.depthwise_thirds(x, weight)):
        torch.testing.assert_close(third, convolved[:, 2 * index : 2 * index + 2])


def test_gradients_are_those_of_the_function() -> None:
    x, weight = (tensor.requires_grad_() for tensor in _random(6))
    assert torch.autograd.gradcheck(forms.gated_depthwise, (x, weight))
    assert torch.autograd.gradcheck(forms.depthwise_thirds, (x, weight))


@pytest.mark.parametrize("form", [forms.gated_depthwise, forms.depthwise_thirds])
def test_autocast_gives_its_precision_and_the_weights_keep_theirs(form: object) -> None:
    assert callable(form)
    x, weight = (tensor.requires_grad_() for tensor in _random(6, torch.float32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = form(x, weight)
    results = result if isinstance(result, tuple) else (result,)
    assert {part.dtype for part in results} == {torch.bfloat16}
    torch.autograd.backward([part.float().sum() for part in results])
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_pictures_and_weights_may_differ_in_precision() -> None:
    x, weight = _random(6, torch.float32)
    assert forms.gated_depthwise(x.to(torch.bfloat16), weight).dtype == torch.bfloat16
    assert forms.depthwise_thirds(x.to(torch.bfloat16), weight)[0].dtype == torch.bfloat16


def test_kernels_are_chosen_for_cuda_pictures_of_their_precisions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Operators:
        """Stands for the Triton operators, which run on no CPU."""

        @staticmethod
        def gated_depthwise(x: Tensor, weight: Tensor) -> str:
            return "kernel"

    monkeypatch.setattr(forms, "_OPERATORS", Operators)
    x, weight = _random(6, torch.float32)
    assert isinstance(forms.gated_depthwise(x, weight), Tensor)  # a CPU tensor: the plain form
    monkeypatch.setattr(forms, "_on_cuda", lambda tensor: True)
    assert forms.gated_depthwise(x, weight) == "kernel"
    assert isinstance(forms.gated_depthwise(x.double(), weight.double()), Tensor)  # float64: the plain form
    forms.choose_kernel("plain")
    try:
        assert isinstance(forms.gated_depthwise(x, weight), Tensor)
    finally:
        forms.choose_kernel("auto")
    assert forms.gated_depthwise(x, weight) == "kernel"


def test_another_kernel_is_refused() -> None:
    with pytest.raises(UsageError, match="kernel: got 'fast'"):
        forms.choose_kernel("fast")  # type: ignore[arg-type]
