from __future__ import annotations

import numpy as np
import pytest
import torch

from pretrain.models.lmd_vit.block import Block
from pretrain.models.lmd_vit.predictor import Predictor
from pretrain.models.window import partition
from tests.pretrain.models.lmd_vit import reference_lmd_vit as reference


def _block(modulated: bool = False, drop_path: float = 0.0) -> Block:
    torch.manual_seed(1)
    block = Block(8, 2, 4, 3, modulated=modulated, drop_path=drop_path).double().eval()
    for parameter in block.parameters():
        parameter.data.normal_(0.2, 0.4)
    return block


def _picture(batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, 8, 12, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


KEPT = torch.tensor([[[True, False, True], [False, False, True]]])


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("modulated", [False, True])
def test_gather_and_scatter_equal_a_window_after_the_other(shifted: bool, modulated: bool) -> None:
    block, x = _block(modulated), _picture()
    weights = {name: value.numpy() for name, value in block.state_dict().items()}
    expected = reference.block(x[0].numpy(), weights, 2, 4, KEPT[0].numpy(), shifted)
    with torch.no_grad():
        np.testing.assert_allclose(block(x, KEPT, shifted=shifted)[0].numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
def test_a_pruned_window_passes_bit_for_bit(shifted: bool, training: bool) -> None:
    block, x = _block().train(training), _picture(2)
    kept = torch.cat([KEPT, ~KEPT])
    with torch.no_grad():
        result = block(x, kept, shifted=shifted)
    before, after = (partition(each, (4, 4), shifted=shifted) for each in (x, result))
    assert torch.equal(before[~kept], after[~kept])
    assert (before[kept] != after[kept]).all(dim=-1).all()


def test_where_no_window_is_kept_nothing_is_done() -> None:
    x = _picture()
    assert _block()(x, torch.zeros(1, 2, 3), shifted=True) is x


def test_the_input_is_not_written_to() -> None:
    x = _picture()[:, :4, :4].contiguous()  # a single window, which cutting does not copy
    kept, before = torch.ones(1, 1, 1, dtype=torch.bool), x.clone()
    _block()(x, kept, shifted=False)
    assert torch.equal(x, before)


@pytest.mark.parametrize("shifted", [False, True])
def test_all_kept_equals_computing_all_bit_for_bit(shifted: bool) -> None:
    block, x, kept = _block(), _picture(), torch.ones(1, 2, 3)
    with torch.no_grad():
        assert torch.equal(block(x, kept, shifted=shifted), block.train()(x, kept, shifted=shifted))


def test_pictures_leave_branches_out_by_themselves_in_training_alone() -> None:
    block, x = _block(drop_path=0.5), _picture(1).repeat(32, 1, 1, 1)
    kept = torch.ones(32, 2, 3)
    with torch.no_grad():
        whole = block(x, kept, shifted=False)
        drawn = block.train()(x, kept, shifted=False, generator=torch.Generator().manual_seed(0))
    assert torch.equal(whole[0], whole[1])
    assert len({tuple(each.flatten().tolist()) for each in drawn}) == 4  # both branches, either, none
    assert any(torch.equal(each, x[0]) for each in drawn)


def test_the_predictor_sees_each_feature_and_the_mean_of_all() -> None:
    torch.manual_seed(3)
    predictor, x = Predictor(8).double(), _picture(2)
    weights = {name: value.numpy() for name, value in predictor.state_dict().items()}
    with torch.no_grad():
        logits = predictor(x)
    for each, of in zip(logits, x, strict=True):
        np.testing.assert_allclose(each.numpy(), reference.predictor(of.numpy(), weights), rtol=0, atol=1e-12)
