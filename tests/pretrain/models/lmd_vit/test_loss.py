from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from million_ird import windows
from pretrain.models.lmd_vit.loss import pruning_loss, window_labels
from pretrain.models.lmd_vit.settings import LEVELS, LMDViTSettings
from tests.pretrain.models.lmd_vit.tiny import TINY, network


def _mask(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(2, 1, height, width)
    mask[0, :, 3 : height // 3, width // 2 : width // 2 + 9] = 1.0
    mask[1, :, height - 1, 0] = 0.2
    return mask


@pytest.mark.parametrize(("height", "width"), [(128, 256), (150, 131)])
def test_labels_are_those_that_masks_are_judged_by(height: int, width: int) -> None:
    settings, mask = LMDViTSettings(), _mask(height, width)
    for decided in settings.maps:
        found = window_labels(mask, decided, settings)
        for ours, picture in zip(found, mask, strict=True):
            size = settings.window << decided.level
            expected = windows.window_labels(np.asarray(picture[0] > 0), size, shifted=decided.shifted)
            assert ours.numpy().tolist() == expected.tolist()


def _logits(mask: torch.Tensor, keep: float, prune: float) -> list[torch.Tensor]:
    """Logits that say `keep` in the windows to keep, `prune` in the others."""
    found = []
    for decided in TINY.maps:
        labels = window_labels(mask, decided, TINY).repeat_interleave(2, 1).repeat_interleave(2, 2)
        if decided.shifted:
            labels = labels.roll((1, 1), (1, 2))
        right = torch.where(labels, keep, prune)
        found.append(torch.stack([right, torch.zeros_like(right)], dim=1))
    return found


def test_knowing_nothing_costs_ln_2_and_knowing_all_nothing() -> None:
    mask = _mask(64, 50)
    assert float(pruning_loss(_logits(mask, 0.0, 0.0), mask, TINY)) == pytest.approx(math.log(2))
    assert float(pruning_loss(_logits(mask, 40.0, -40.0), mask, TINY)) < 1e-6
    assert float(pruning_loss(_logits(mask, -40.0, 40.0), mask, TINY)) == pytest.approx(40.0)


def test_every_map_counts_alike_and_every_window_of_a_map() -> None:
    mask = torch.zeros(1, 1, 64, 32)
    mask[..., 0, 0] = 1.0
    losses = []
    for decided in TINY.maps:
        labels = window_labels(mask, decided, TINY)
        losses.append(float(torch.where(labels, math.log1p(math.exp(-1.0)), math.log1p(math.exp(1.0))).mean()))
    assert float(pruning_loss(_logits(mask, 1.0, 1.0), mask, TINY)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_descending_it_teaches_the_predictors() -> None:
    model = network().train()
    mask = _mask(64, 64)
    image = torch.where(mask > 0, 0.9, 0.1).expand(-1, 3, -1, -1).contiguous()
    parameters = [each for name, each in model.named_parameters() if ".predictors." in name]
    optimizer = torch.optim.Adam(parameters, 0.02)
    losses = []
    for step in range(8):
        found = model.predict(image, generator=torch.Generator().manual_seed(step))
        loss = pruning_loss(found.logits, mask, TINY)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert len(LEVELS) == 9 and all(each.grad is not None for each in parameters)
