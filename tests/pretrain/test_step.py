"""One training step: the same whatever the ranks and micro-batches, and nothing changed where it is skipped."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from million_ird.errors import UsageError
from million_ird.metrics import psnr
from pretrain.guard import Guard, GuardSettings
from pretrain.models.dynet import DyNet
from pretrain.models.variants import Variant
from pretrain.optimizer import OptimizerSettings, make_optimizer
from pretrain.ranks import Ranks
from pretrain.step import StepResult, StepSettings, accumulate_gradients, mean_psnr, to_float, training_step
from tests.pretrain.tiny import LARGE, SMALL, Spoiled, TinyBatch, tiny_batch, tiny_network
from tests.pretrain.two_ranks import CASES, train_case, two_ranks


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_compute_what_one_does(name: str) -> None:
    alone = train_case(CASES[name], Ranks())
    first, second = (rank[name] for rank in two_ranks())
    assert str(first["results"]) == str(second["results"]), "every rank comes to the same verdict"
    for (losses, decibels, norm, verdict), expected in zip(first["results"], alone["results"], strict=True):
        assert verdict == expected[3]
        assert (losses, decibels, norm) == (
            pytest.approx(expected[0], rel=1e-5, nan_ok=True),
            pytest.approx(expected[1], rel=1e-5, nan_ok=True),
            pytest.approx(expected[2], rel=1e-4, nan_ok=True),
        )
    assert first["skipped"] == second["skipped"] == alone["skipped"] == (CASES[name].spoiled >= 0)
    assert first["gradients"].keys() == alone["gradients"].keys()
    for name_of, gradient in alone["gradients"].items():
        torch.testing.assert_close(first["gradients"][name_of], gradient, rtol=1e-3, atol=1e-6)
        assert torch.equal(first["weights"][name_of], second["weights"][name_of])
        torch.testing.assert_close(first["weights"][name_of], alone["weights"][name_of], rtol=1e-3, atol=2e-4)


def gradients(accumulate: int, variants: tuple[Variant, ...], distil: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    model = tiny_network()
    settings = StepSettings(accumulate=accumulate, distil=distil)
    measured = accumulate_gradients(model, tiny_batch(0), variants, settings)
    return measured, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("variants", [(LARGE,), (LARGE, SMALL)])
def test_micro_batches_do_not_change_loss_and_gradient(variants: tuple[Variant, ...]) -> None:
    whole, expected = gradients(1, variants)
    for accumulate in (2, 4):
        measured, found = gradients(accumulate, variants)
        torch.testing.assert_close(measured, whole, rtol=1e-5, atol=0)
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6)


def test_the_loss_is_l1_of_the_output_as_it_is() -> None:
    model = tiny_network()
    batch = tiny_batch(0)
    with torch.no_grad():
        model.output.weight.mul_(30)  # outputs far outside [0, 1]
    output = model(to_float(batch.inputs), variant=SMALL)
    assert output.max() > 1.5
    expected = (output - batch.targets / 255).abs().mean()
    expected.backward()
    wanted = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    measured = accumulate_gradients(model, batch, (SMALL,), StepSettings())
    assert float(measured[0]) == pytest.approx(expected.item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-4, atol=1e-7)


def test_a_distilled_variant_learns_the_largest_ones_output_and_does_not_move_it() -> None:
    model = tiny_network()
    batch = tiny_batch(0)
    x, target = to_float(batch.inputs), to_float(batch.targets)
    large = model(x, variant=LARGE)
    loss = 0.5 * F.l1_loss(large, target) + 0.5 * F.l1_loss(model(x, variant=SMALL), large.detach())
    loss.backward()
    measured, found = gradients(1, (LARGE, SMALL), distil=True)
    assert float(measured[0]) == pytest.approx(F.l1_loss(large, target).item(), rel=1e-6)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-3, atol=1e-6)
    _, on_data = gradients(1, (LARGE, SMALL))
    assert any(not torch.allclose(on_data[name], found[name], rtol=1e-2) for name in found)


def stepped(model: DyNet, settings: StepSettings, guard: Guard, batch: TinyBatch | None = None) -> StepResult:
    optimizer = make_optimizer(model, OptimizerSettings(lr=1e-2))
    return training_step(model, batch or tiny_batch(0), (LARGE,), optimizer, guard, settings)


def test_a_step_changes_every_weight_and_reports_what_it_was() -> None:
    model = tiny_network()
    before = copy.deepcopy(model.state_dict())
    result = stepped(model, StepSettings(), Guard(GuardSettings()))
    assert result.verdict == ""
    assert result.loss == result.losses["large"] > 0
    assert result.gradient_norm > 0
    unchanged = [name for name, value in model.state_dict().items() if torch.equal(value, before[name])]
    assert unchanged == []


def test_psnr_is_that_of_the_clamped_output() -> None:
    model = tiny_network()
    batch = tiny_batch(0)
    with torch.no_grad():
        output = model(to_float(batch.inputs), variant=LARGE).clamp(0, 1)
    single = [psnr(a.numpy(), b.numpy() / 255, 1.0) for a, b in zip(output, batch.targets, strict=True)]
    result = stepped(model, StepSettings(accumulate=2), Guard(GuardSettings()))
    assert result.psnr == pytest.approx(sum(single) / len(single), abs=1e-3)
    clean = to_float(batch.targets)
    assert float(mean_psnr(clean, clean)) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("spoil", "verdict"),
    [
        (lambda output, target: (output - target).abs().mean() * math.nan, "loss is not finite"),
        (
            lambda output, target: (output - target).abs().mean() + (output - output).abs().sqrt().sum(),
            "gradient is not finite",
        ),
        (lambda output, target: 1e3 * F.l1_loss(output, target), "loss spike"),
    ],
)
def test_a_step_that_must_not_be_changes_nothing(spoil: Any, verdict: str) -> None:
    model = tiny_network()
    optimizer = make_optimizer(model, OptimizerSettings(lr=1e-2))
    guard = Guard(GuardSettings(spike=10, window=1))
    training_step(model, tiny_batch(0), (LARGE,), optimizer, guard, StepSettings())
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    result = training_step(model, tiny_batch(1), (LARGE,), optimizer, guard, StepSettings(objective=Spoiled(spoil)))
    assert result.verdict == verdict
    assert guard.skipped == 1
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[0][name])
    for index, state in optimizer.state_dict()["state"].items():
        assert all(torch.equal(value, before[1]["state"][index][name]) for name, value in state.items())
    assert training_step(model, tiny_batch(2), (LARGE,), optimizer, guard, StepSettings()).verdict == ""


def test_a_long_gradient_is_shortened() -> None:
    model = tiny_network()
    result = stepped(model, StepSettings(clip_norm=0.01), Guard(GuardSettings()))
    assert result.gradient_norm > 0.02
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    assert float(norm) == pytest.approx(0.01, rel=1e-3)


def test_bf16_keeps_weights_gradients_and_loss_in_float32() -> None:
    model = tiny_network()
    exact = stepped(tiny_network(), StepSettings(), Guard(GuardSettings()))
    result = stepped(model, StepSettings(precision="bf16"), Guard(GuardSettings()))
    assert result.loss != exact.loss
    assert result.loss == pytest.approx(exact.loss, rel=0.02)
    assert {p.dtype for p in model.parameters()} | {p.grad.dtype for p in model.parameters() if p.grad is not None} == {
        torch.float32
    }


def test_samples_that_cannot_be_shared_out() -> None:
    with pytest.raises(UsageError, match="3 micro-batches cannot share 4 samples"):
        stepped(tiny_network(), StepSettings(accumulate=3), Guard(GuardSettings()))
