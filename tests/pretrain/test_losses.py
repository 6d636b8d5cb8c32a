"""Each loss against its formula in numpy, or the metric of that name; weighted by a mask, and differentiable."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from million_ird import metrics
from million_ird.errors import UsageError
from pretrain.losses import charbonnier_loss, deblurring_loss, frequency_loss, l1_loss, ssim


def _pair(batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(batch, 3, 24, 30, generator=generator, dtype=torch.float64)
    return (clean + 0.1 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)).clamp(0, 1), clean


def _hwc(picture: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(picture.permute(1, 2, 0))


def test_ssim_is_that_of_the_metrics() -> None:
    restored, clean = _pair()
    expected = metrics.ssim(_hwc(restored[0]), _hwc(clean[0]), 1.0, window="gaussian")
    assert float(ssim(restored, clean)) == pytest.approx(expected, abs=1e-6)
    assert float(ssim(restored.float(), clean.float())) == pytest.approx(expected, abs=1e-4)


def test_with_a_mask_ssim_is_the_weighted_one_of_the_metrics() -> None:
    restored, clean = _pair()
    mask = np.zeros((24, 30), np.bool_)
    mask[2:15, 7:20] = True
    expected = metrics.weighted_ssim(_hwc(restored[0]), _hwc(clean[0]), mask, 1.0)
    assert float(ssim(restored, clean, torch.from_numpy(mask)[None, None])) == pytest.approx(expected, abs=1e-6)


def test_l1_and_its_weighted_mean() -> None:
    restored, clean = _pair(2)
    difference = (restored - clean).abs()
    assert float(l1_loss(restored, clean)) == pytest.approx(float(difference.mean()))
    weight = torch.zeros(2, 1, 24, 30, dtype=torch.float64)
    weight[0, :, :4, :5], weight[1, :, 20:, 9:11] = 1.0, 3.0
    sums = difference[0, :, :4, :5].sum() + 3 * difference[1, :, 20:, 9:11].sum()
    assert float(l1_loss(restored, clean, weight)) == pytest.approx(float(sums) / (3 * (20 + 3 * 8)))
    assert float(l1_loss(restored, clean, torch.zeros_like(weight))) == 0


def test_charbonnier_is_l1_with_a_round_bottom_and_its_weighted_mean() -> None:
    restored, clean = _pair(2)
    each = ((restored - clean) ** 2 + 1e-6).sqrt()
    assert float(charbonnier_loss(restored, clean)) == pytest.approx(float(each.mean()))
    assert float(charbonnier_loss(clean, clean)) == pytest.approx(1e-3)
    weight = torch.zeros(2, 1, 24, 30, dtype=torch.float64)
    weight[1, :, 3:5, 9:11] = 2.0
    assert float(charbonnier_loss(restored, clean, weight)) == pytest.approx(float(each[1, :, 3:5, 9:11].mean()))
    far, near = torch.tensor([[[[3.0]]]]), torch.zeros(1, 1, 1, 1, requires_grad=True)
    assert float(charbonnier_loss(far, near.detach())) == pytest.approx(3.0, rel=1e-6)
    charbonnier_loss(near, torch.zeros(1, 1, 1, 1)).backward()
    assert near.grad is not None and float(near.grad) == 0.0, "where L1 has a corner"
    small = restored[..., :4, :5].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: charbonnier_loss(x, clean[..., :4, :5]), (small,))


def test_the_spectra_of_a_single_wave_differ_in_one_place() -> None:
    x = torch.arange(16, dtype=torch.float64)
    wave = 0.5 * torch.cos(2 * torch.pi * 3 * x / 16).expand(1, 1, 8, 16)
    # half the amplitude times all pixels, in one of 8 × 9 frequencies
    assert float(frequency_loss(wave, torch.zeros_like(wave))) == pytest.approx(0.25 * 128 / 72)


def test_the_sum_has_the_published_weights() -> None:
    restored, clean = _pair(2)
    weight = (torch.rand(2, 1, 24, 30, dtype=torch.float64) > 0.5).double()
    for given in (None, weight):
        parts = l1_loss(restored, clean, given) - ssim(restored, clean, given) + 0.1 * frequency_loss(restored, clean)
        assert float(deblurring_loss(restored, clean, given)) == pytest.approx(float(parts) + 1)
    assert float(deblurring_loss(clean, clean)) == pytest.approx(0.0, abs=1e-9)


def test_gradients() -> None:
    restored, clean = _pair()
    small, target = restored[..., :12, :11].clone().requires_grad_(), clean[..., :12, :11]
    assert torch.autograd.gradcheck(lambda x: deblurring_loss(x, target), (small,))


def test_pictures_smaller_than_a_window_are_refused() -> None:
    with pytest.raises(UsageError, match=r"loss.kind: SSIM needs pictures of 11 pixels a side or more, not 10 × 20"):
        ssim(torch.rand(1, 3, 10, 20), torch.rand(1, 3, 10, 20))
