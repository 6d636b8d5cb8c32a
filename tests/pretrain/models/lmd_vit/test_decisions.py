from __future__ import annotations

import torch
from torch.nn import functional

from pretrain.models.lmd_vit.decisions import draw_decisions, threshold_decisions


def test_a_draw_is_pytorchs_gumbel_softmax() -> None:
    logits = torch.randn(3, 5, 4, 2)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    torch.manual_seed(7)
    drawn = draw_decisions(ours)
    torch.manual_seed(7)
    expected = functional.gumbel_softmax(theirs, hard=True)[..., 0]
    assert set(drawn.flatten().tolist()) == {0.0, 1.0}
    assert torch.equal(drawn.detach(), expected.detach())
    weights = torch.rand(3, 5, 4)
    (drawn * weights).sum().backward()  # type: ignore[no-untyped-call]
    (expected * weights).sum().backward()  # type: ignore[no-untyped-call]
    assert ours.grad is not None and theirs.grad is not None and ours.grad.abs().min() > 0
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_windows_are_kept_as_often_as_their_softmax_says() -> None:
    logits = torch.tensor([1.0, 0.0]).expand(1, 100, 100, 2)
    drawn = draw_decisions(logits, torch.Generator().manual_seed(0))
    assert abs(float(drawn.mean()) - torch.tensor(1.0).sigmoid().item()) < 0.02


def test_a_generator_is_the_only_source_when_given() -> None:
    logits = torch.zeros(1, 8, 8, 2, dtype=torch.bfloat16)
    before = torch.get_rng_state()
    drawn = draw_decisions(logits, torch.Generator().manual_seed(1))
    assert torch.equal(drawn, draw_decisions(logits, torch.Generator().manual_seed(1)))
    assert torch.equal(before, torch.get_rng_state())
    assert drawn.dtype == torch.float32


def test_at_inference_more_than_a_half_is_kept() -> None:
    logits = torch.tensor([[[[0.1, 0.0], [0.0, 0.1], [2.0, 2.0]]]])
    assert threshold_decisions(logits).tolist() == [[[True, False, False]]]
