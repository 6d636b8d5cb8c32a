from __future__ import annotations

from typing import Any

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.models.counting import parameters
from pretrain.models.edsr import EDSRSettings, baseline
from pretrain.models.operations import count_macs
from pretrain.models.upsampling import low_resolution
from tests.pretrain.models.super_resolution import tiny, whole


@pytest.mark.parametrize(
    ("name", "scale", "count", "giga"),
    [
        ("edsr", 2, 40_729_603, 9384.7),
        ("edsr", 3, 43_680_003, 4469.5),
        ("edsr", 4, 43_089_923, 2894.5),
        ("edsr-baseline", 2, 1_369_859, 316.2),
        ("edsr-baseline", 4, 1_517_571, 114.2),
    ],
)
def test_parameters_and_operations_for_720_lines(name: str, scale: int, count: int, giga: float) -> None:
    model = whole(name, scale)
    assert parameters(model) == count
    assert round(count_macs(model, 1, 3, *low_resolution(scale)).total / 1e9, 1) == giga


def test_it_computes_in_8_bit_levels_around_the_average_colour() -> None:
    model, seen = tiny("edsr"), []
    model.head.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    image = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1) + torch.tensor([[[[0.0, 1 / 255]]]])
    model(image)
    torch.testing.assert_close(seen[0], torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2), rtol=0, atol=1e-4)


def test_the_checkpoint_holds_weights_alone() -> None:
    model = tiny("edsr")
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


def test_the_baseline_does_not_scale_its_changes() -> None:
    assert baseline(3) == EDSRSettings(scale=3, width=64, blocks=16, residual_scale=1.0)


@pytest.mark.parametrize("wrong", [{"scale": 1}, {"scale": 8}, {"width": 0}, {"blocks": 0}, {"residual_scale": 0.0}])
def test_a_setting_that_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))}:"):
        EDSRSettings(**wrong)
