from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pretrain.models.grl.cosine import CosineAttention
from pretrain.models.grl.stripe_attention import StripeAttention
from pretrain.models.grl.window_attention import WindowAttention


def attend(attention: WindowAttention | StripeAttention, qkv: Tensor) -> Any:
    if isinstance(attention, WindowAttention):
        return attention(qkv)
    anchors = functional.avg_pool2d(qkv[..., :4].permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    return attention(qkv, anchors)


SHIFTED = [
    pytest.param(lambda: WindowAttention(2, 4, True), (2, 2), id="windows"),
    pytest.param(lambda: StripeAttention(2, (4, 8), 2, True), (2, 4), id="stripes"),
]


@pytest.mark.parametrize(("make", "shift"), SHIFTED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("extent", [(8, 16), (4, 8)])
def test_nothing_is_seen_over_the_border_that_the_shift_has_closed(
    make: Any, shift: tuple[int, int], axis: int, dtype: torch.dtype, extent: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    attention = make().to(dtype)
    qkv = torch.randn(1, *extent, 12, dtype=dtype)
    other = qkv.clone()
    first = other.narrow(axis + 1, 0, shift[axis])  # what came round: it shares windows with the far edge
    first.copy_(torch.randn_like(first))
    rest = (slice(None), *(slice(shift[n] if n == axis else 0, None) for n in range(2)))
    for gradients in (True, False):  # PyTorch computes attention by other kernels without
        with torch.set_grad_enabled(gradients):
            seen, changed = attend(attention, qkv), attend(attention, other)
        assert torch.equal(seen[rest], changed[rest]) and not torch.equal(seen, changed)


@pytest.mark.parametrize(("make", "shift"), SHIFTED)
def test_the_shift_opens_the_borders_of_the_plain_grid(make: Any, shift: tuple[int, int]) -> None:
    torch.manual_seed(0)
    shifted = make()
    qkv = torch.randn(1, 8, 16, 12)
    other = qkv.clone()
    other[:, 3, 7] += 1  # last of its window in the plain grid
    changed = (attend(shifted, qkv) != attend(shifted, other)).any(-1)[0]
    assert changed[4, 8] and not changed[7, 15]
    assert changed.sum() == shifted.size[0] * shifted.size[1]
    shifted.shifted = False
    changed = (attend(shifted, qkv) != attend(shifted, other)).any(-1)[0]
    assert changed[0, 7] and not changed[4:].any() and not changed[:, 8:].any()


def test_sharpness_has_a_ceiling() -> None:
    torch.manual_seed(0)
    attention = CosineAttention(2, (2, 2), (2, 2))
    q, k, v = torch.randn(3, 1, 1, 1, 2, 4, 3)
    results = []
    for sharpness in (100.0, 1000.0):
        torch.nn.init.constant_(attention.log_sharpness, torch.tensor(sharpness).log().item())
        results.append(attention(q, k, v, shifted=False))
    torch.testing.assert_close(*results)


def test_logits_and_softmax_are_float32_under_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = functional.scaled_dot_product_attention

    def spy(*tensors: Tensor, attn_mask: Tensor, scale: float) -> Tensor:
        seen.append({tensor.dtype for tensor in (*tensors, attn_mask)})
        return real(*tensors, attn_mask=attn_mask, scale=scale)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", spy)
    attention = StripeAttention(2, (4, 8), 2, True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = attend(attention, torch.randn(1, 8, 8, 12).bfloat16())
    assert out.dtype == torch.bfloat16
    assert len(seen) == 4 and all(types == {torch.float32} for types in seen)


def test_half_precision_differs_by_its_rounding_of_the_input_alone() -> None:
    torch.manual_seed(0)
    attention = WindowAttention(2, 4, True)
    torch.nn.init.constant_(attention.attention.log_sharpness, 4.5)  # sharp: where half precision logits would hurt
    qkv = torch.randn(1, 8, 8, 12).bfloat16()
    torch.testing.assert_close(attention(qkv).float(), attention(qkv.float()), atol=1e-2, rtol=1e-2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(attention(qkv), attention(qkv.float()).bfloat16())
