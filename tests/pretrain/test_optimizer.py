"""The optimiser: the paper's Adam unless told otherwise."""

from __future__ import annotations

import pytest
import torch

from million_ird.errors import UsageError
from million_ird.settings import from_dict
from pretrain.optimizer import OptimizerSettings, make_optimizer, set_learning_rate


def test_the_default_is_adam_of_the_paper() -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = make_optimizer(model, OptimizerSettings())
    assert type(optimizer) is torch.optim.Adam
    (group,) = optimizer.param_groups
    assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-4, (0.9, 0.999), 1e-8, 0.0)
    assert {id(p) for p in group["params"]} == {id(p) for p in model.parameters()}


def test_settings_and_rates_reach_it_and_an_update_is_adams() -> None:
    weight = torch.nn.Linear(1, 1, bias=False)
    optimizer = make_optimizer(weight, OptimizerSettings(kind="adamw", weight_decay=0.1, lr=1.0))
    assert type(optimizer) is torch.optim.AdamW
    set_learning_rate(optimizer, 0.5)
    with torch.no_grad():
        weight.weight.fill_(2.0)
    weight.weight.grad = torch.full((1, 1), 3.0)
    optimizer.step()
    assert weight.weight.item() == pytest.approx(2.0 * (1 - 0.5 * 0.1) - 0.5)  # Adam's first step is the rate's length


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"lr": 0.0}, "lr"),
        ({"betas": [0.9, 1.0]}, "betas"),
        ({"eps": 0.0}, "eps"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"clip_norm": -1.0}, "clip_norm"),
        ({"kind": "adma"}, "kind"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, object], name: str) -> None:
    with pytest.raises(UsageError, match=f"optimizer.*{name}"):
        from_dict(OptimizerSettings, values, "optimizer")
