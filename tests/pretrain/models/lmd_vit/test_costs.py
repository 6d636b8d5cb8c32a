from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from million_ird.windows import cost_of_shares, kept_shares, window_labels
from pretrain.models import table
from pretrain.models.lmd_vit.costs import count_all, count_pass
from pretrain.models.lmd_vit.listing import LISTED
from pretrain.models.lmd_vit.network import LMDViT
from pretrain.models.lmd_vit.settings import LMDViTSettings
from pretrain.models.operations import Macs, count_macs
from tests.pretrain.models.lmd_vit.tiny import TINY, network, random_decisions


def _full_size() -> LMDViT:
    with torch.device("meta"):
        return LMDViT().eval()


def test_all_and_no_windows_cost_what_was_measured_on_the_authors_code() -> None:
    model = _full_size()
    every, none = (count_all(model.settings, model.grids(512, 512), kept=kept) for kept in (True, False))
    assert round(every.total / 1e9, 1) == 372.6
    assert round(none.total / 1e9, 1) == 39.3
    assert round(none.linears / 1e9, 1) == 26.1 and round(none.convolutions / 1e9, 1) == 13.2
    of_relobur = count_all(model.settings, model.grids(1436, 2152), kept=True)
    assert round(of_relobur.total / 1e12, 2) == 4.75


@pytest.mark.parametrize("settings", [LMDViTSettings(), dataclasses.replace(TINY, expansion=3)])
def test_all_kept_is_what_a_pass_over_shapes_counts(settings: LMDViTSettings) -> None:
    with torch.device("meta"):
        model = LMDViT(settings).train()  # computes every window, so that shapes alone decide
    assert count_all(settings, model.grids(200, 130), kept=True) == count_macs(model, 1, 3, 200, 130)


def test_between_it_is_what_blocks_really_compute() -> None:
    model = network()
    decisions = random_decisions(model, 2, 40, 60, 0.4, seed=1)
    counted: list[Macs] = []

    def count(part: nn.Module, given: tuple[torch.Tensor, ...], got: torch.Tensor) -> None:
        if isinstance(part, nn.Linear):
            counted.append(Macs(linears=got.numel() // part.out_features * part.weight.numel()))
        elif isinstance(part, nn.ConvTranspose2d):
            counted.append(Macs(convolutions=given[0].numel() // part.in_channels * part.weight.numel()))
        elif isinstance(part, nn.Conv2d):
            macs = got.numel() // part.out_channels * part.weight.numel()
            counted.append(Macs(convolutions=macs, grouped=macs if part.groups > 1 else 0))

    hooks = [part.register_forward_hook(count) for part in model.modules()]
    with torch.no_grad():
        model(torch.rand(2, 3, 40, 60), decisions=decisions)
    for hook in hooks:
        hook.remove()
    whole = sum(counted, Macs())
    expected = count_pass(TINY, decisions)
    assert dataclasses.replace(expected, attention=0) == whole


def test_a_mask_costs_the_share_that_it_is_said_to() -> None:
    model = _full_size()
    mask = np.zeros((300, 500), np.bool_)
    mask[90:200, 33:160] = True
    labels = [
        torch.from_numpy(window_labels(mask, 8 << decided.level, shifted=decided.shifted))[None]
        for decided in model.settings.maps
    ]
    every = count_all(model.settings, model.grids(*mask.shape), kept=True)
    share = count_pass(model.settings, labels).total / every.total
    assert share == pytest.approx(cost_of_shares(kept_shares(mask)), abs=1e-4)


def test_both_ends_are_listed() -> None:
    assert all(listing in table.LISTED for listing in LISTED)
    every, none = table.rows("lmd-vit")
    assert (every.variant, none.variant) == ("all windows", "no windows")
    assert [f"{row.macs.total / 1e9:.1f} G" for row in (every, none)] == [
        every.published_operations,
        none.published_operations,
    ]
    assert f"{every.parameters / 1e6:.2f} M" == every.published_parameters
