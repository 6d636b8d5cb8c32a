"""What is minimised: each loss against its plain formula, and for LMD-ViT what its decisions cost."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from million_ird import metrics
from million_ird.errors import UsageError
from pretrain.models.lmd_vit.loss import pruning_loss
from pretrain.models.lmd_vit.predictor import Predictor
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.variants import WHOLE
from pretrain.objective import LOSSES, LossSettings, Objective, Outcome, PruningObjective, check_loss, objective_of
from pretrain.recipe import TrainingRecipe
from pretrain.step import StepSettings, accumulate_gradients
from tests.pretrain.every_family import NETWORKS, batch_of, network
from tests.pretrain.tiny import LARGE, SIDE, TinyBatch

Picture = NDArray[np.float64]


def _l1(restored: Picture, clean: Picture) -> float:
    return float(np.abs(restored - clean).mean())


def _charbonnier(restored: Picture, clean: Picture) -> float:
    return float(np.sqrt((restored - clean) ** 2 + 1e-6).mean())


def _deblurring(restored: Picture, clean: Picture) -> float:
    pairs = zip(restored.transpose(0, 2, 3, 1), clean.transpose(0, 2, 3, 1), strict=True)
    alike = np.mean([metrics.ssim(one, other, 1.0, window="gaussian") for one, other in pairs])
    spectra = np.abs(np.fft.rfft2(restored) - np.fft.rfft2(clean)).mean()
    return float(_l1(restored, clean) + 1 - alike + 0.1 * spectra)


PLAIN: dict[str, Callable[[Picture, Picture], float]] = {
    "l1": _l1,
    "charbonnier": _charbonnier,
    "deblurring": _deblurring,
}


def _pair(side: int = 16) -> tuple[Tensor, Tensor]:
    """Restored, in part outside 0 to 1, and clean."""
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(2, 3, side, side, generator=generator)
    return clean + 0.3 * torch.randn(clean.shape, generator=generator), clean


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("clamp", [False, True])
def test_each_loss_is_its_plain_formula(kind: str, clamp: bool) -> None:
    restored, clean = _pair()
    found = Objective(LossSettings(kind, clamp)).loss(Outcome(restored), clean, None)  # type: ignore[arg-type]
    seen = restored.double().numpy()
    expected = PLAIN[kind](np.clip(seen, 0, 1) if clamp else seen, clean.double().numpy())
    assert found.dtype == torch.float32 and found.ndim == 0
    assert float(found) == pytest.approx(expected, rel=1e-4)
    assert LOSSES.keys() == PLAIN.keys()


@pytest.mark.parametrize("kind", PLAIN)
def test_no_loss_is_negative_so_that_the_guard_can_compare_it(kind: str) -> None:
    _, clean = _pair()
    perfect = Objective(LossSettings(kind)).loss(Outcome(clean), clean, None)  # type: ignore[arg-type]
    assert 0 <= float(perfect) + 1e-6 < 1e-2


def test_a_clamp_has_no_gradient_outside() -> None:
    restored, clean = _pair()
    restored.requires_grad_()
    Objective(LossSettings(clamp=True)).loss(Outcome(restored), clean, None).backward()
    assert restored.grad is not None
    outside = (restored < 0) | (restored > 1)
    assert outside.any() and not outside.all()
    assert (restored.grad[outside] == 0).all() and (restored.grad[~outside] != 0).all()


def test_half_precision_outcomes_are_compared_in_float32_and_masks_are_not_looked_at() -> None:
    restored, clean = _pair()
    objective = Objective()
    found = objective.loss(Outcome(restored.bfloat16()), clean, torch.zeros(2, 1, 16, 16))
    assert found.dtype == torch.float32 and not objective.uses_masks
    assert float(found) == pytest.approx(_l1(restored.bfloat16().double().numpy(), clean.double().numpy()), rel=1e-5)


def test_pictures_are_made_by_the_variant_that_is_asked_for() -> None:
    model, x = network(NETWORKS["dynet"]), torch.rand(1, 3, SIDE, SIDE)
    assert torch.equal(Objective().run(model, x, LARGE).restored_B3HW, model(x, variant=LARGE))
    other = network(NETWORKS["edsr"])
    outcome = Objective().run(other, x, WHOLE)
    assert torch.equal(outcome.restored_B3HW, other(x)) and outcome.logits == ()


@pytest.mark.parametrize("name", NETWORKS)
def test_only_lmd_vit_learns_from_masks(name: str) -> None:
    objective = objective_of(LossSettings(pruning=0.5), NETWORKS[name])
    assert isinstance(objective, PruningObjective) == objective.uses_masks == (name == "lmd-vit")
    assert objective.settings.pruning == 0.5


def _lmd_vit() -> LMDViTSettings:
    shape = NETWORKS["lmd-vit"]
    assert isinstance(shape, LMDViTSettings)
    return shape


@torch.no_grad()
def _outcome() -> tuple[Outcome, Tensor, Tensor]:
    model, batch = network(_lmd_vit()), batch_of(_lmd_vit())
    assert batch.masks is not None
    torch.manual_seed(0)
    outcome = PruningObjective(LossSettings(), _lmd_vit()).run(model, batch.inputs / 255, WHOLE)
    assert len(outcome.logits) == len(_lmd_vit().maps)
    return outcome, batch.targets / 255, batch.masks.float()


@pytest.mark.parametrize("weight", [0.0, 0.01, 2.0])
def test_decisions_cost_what_the_setting_says_beside_the_other_loss(weight: float) -> None:
    outcome, clean, mask = _outcome()
    objective = PruningObjective(LossSettings("charbonnier", pruning=weight), _lmd_vit())
    plain = Objective(LossSettings("charbonnier")).loss(outcome, clean, None)
    decided = pruning_loss(outcome.logits, mask, _lmd_vit())
    assert float(decided) > 0
    assert float(objective.loss(outcome, clean, mask)) == pytest.approx(float(plain + weight * decided), rel=1e-6)


def test_without_a_mask_everything_counts_as_degraded() -> None:
    outcome, clean, mask = _outcome()
    objective = PruningObjective(LossSettings(pruning=1.0), _lmd_vit())
    everywhere = objective.loss(outcome, clean, torch.ones_like(mask))
    assert torch.equal(objective.loss(outcome, clean, None), everywhere)
    nowhere = objective.loss(outcome, clean, torch.zeros_like(mask))
    assert len({float(everywhere), float(nowhere), float(objective.loss(outcome, clean, mask))}) == 3


def _gradients(pruning: float, masks: Tensor | None) -> dict[str, Tensor]:
    """Of the predictors, after one backward pass with the same draws."""
    model, batch = network(_lmd_vit()), batch_of(_lmd_vit())
    torch.manual_seed(0)
    objective = objective_of(LossSettings(pruning=pruning), _lmd_vit())
    given = TinyBatch(batch.inputs, batch.targets, masks=masks)
    accumulate_gradients(model, given, (WHOLE,), StepSettings(objective=objective))
    found = {}
    for name, part in model.named_modules():
        if isinstance(part, Predictor):
            for own, weight in part.named_parameters():
                assert weight.grad is not None and weight.grad.isfinite().all()
                found[f"{name}.{own}"] = weight.grad
    return found


def test_masks_reach_every_predictor() -> None:
    masks = batch_of(_lmd_vit()).masks
    assert masks is not None
    without, with_masks, turned = _gradients(0.0, masks), _gradients(1.0, masks), _gradients(1.0, 1 - masks)
    assert len(without) >= 9 * 8, "nine stages at least"
    for name, gradient in with_masks.items():
        assert not torch.equal(gradient, without[name]), name
    assert any(not torch.equal(with_masks[name], turned[name]) for name in turned)
    alone = _gradients(0.0, None)
    assert all(torch.equal(alone[name], gradient) for name, gradient in without.items()), "0 leaves the masks out"


@pytest.mark.parametrize("pruning", [-0.1, math.nan, math.inf])
def test_a_weight_that_cannot_be(pruning: float) -> None:
    with pytest.raises(UsageError, match=r"loss\.pruning: got .*, expected 0 or more"):
        LossSettings(pruning=pruning)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "lmd-vit"])
def test_a_weight_that_a_network_would_not_heed_is_refused(name: str) -> None:
    check_loss(LossSettings(), NETWORKS[name])
    with pytest.raises(UsageError, match=r"loss\.pruning: got 0\.2 for a .*, but only an lmd-vit prunes"):
        TrainingRecipe(loss=LossSettings(pruning=0.2), model=NETWORKS[name])


def test_a_loss_that_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"loss\.kind: got 'l2', expected one of l1, charbonnier, deblurring"):
        LossSettings("l2")  # type: ignore[arg-type]
    restored, clean = _pair(10)
    with pytest.raises(UsageError, match=r"loss\.kind: SSIM needs pictures of 11 pixels a side or more, not 10 × 10"):
        Objective(LossSettings("deblurring")).loss(Outcome(restored), clean, None)
