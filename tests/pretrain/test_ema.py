"""The average of the weights: the formula, its ramp, and that looking through it leaves no trace."""

from __future__ import annotations

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.ema import Ema, EmaSettings
from tests.pretrain.tiny import LARGE, tiny_network


def test_the_average_is_the_sum_it_should_be() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    ema = Ema(model, EmaSettings(enabled=True, decay=0.9, ramp=False))
    expected = float(model.weight.detach())
    for step, value in enumerate((1.0, 2.0, 5.0)):
        with torch.no_grad():
            model.weight.fill_(value)
        ema.update(step)
        expected = 0.9 * expected + 0.1 * value
    assert float(ema.state()["weight"]) == pytest.approx(expected, rel=1e-6)


def test_the_ramp_forgets_the_first_weights() -> None:
    settings = EmaSettings(decay=0.999)
    assert settings.decay_at(0) == 0.1
    assert settings.decay_at(10**6) == 0.999
    assert EmaSettings(decay=0.5, ramp=False).decay_at(0) == 0.5


def test_the_model_computes_with_the_averages_and_then_with_its_own_weights_again() -> None:
    model = tiny_network()
    ema = Ema(model, EmaSettings(enabled=True))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tensors = [parameter.data_ptr() for parameter in model.parameters()]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    x = torch.rand(1, 3, 8, 8)
    changed = model(x, variant=LARGE)
    with ema.applied():
        assert torch.equal(model(x, variant=LARGE), _output(before, x))
    assert torch.equal(model(x, variant=LARGE), changed)
    assert [parameter.data_ptr() for parameter in model.parameters()] == tensors


def _output(weights: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    model = tiny_network(seed=9)
    model.load_state_dict(weights)
    return model(x, variant=LARGE)


def test_an_average_goes_on_from_a_saved_one() -> None:
    model = torch.nn.Linear(2, 2)
    settings = EmaSettings(enabled=True, decay=0.7)
    ema = Ema(model, settings)
    ema.update(0)
    again = Ema(torch.nn.Linear(2, 2), settings)
    again.load({name: value.clone() for name, value in ema.state().items()})
    assert all(torch.equal(again.state()[name], value) for name, value in ema.state().items())


def test_a_decay_of_one_never_learns() -> None:
    with pytest.raises(UsageError, match=r"ema\.decay"):
        EmaSettings(decay=1.0)
