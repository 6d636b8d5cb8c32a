from __future__ import annotations

from typing import Any

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.models.carn import CARNSettings
from pretrain.models.counting import parameters
from pretrain.models.operations import count_macs
from pretrain.models.upsampling import low_resolution
from tests.pretrain.models.super_resolution import tiny, whole


@pytest.mark.parametrize(
    ("name", "scale", "count", "giga"),
    [
        ("carn", 2, 1_591_939, 222.8),
        ("carn", 3, 1_591_939, 118.6),
        ("carn", 4, 1_591_939, 90.9),
        ("carn-m", 2, 414_787, 91.2),
        ("carn-m", 3, 414_787, 46.1),
        ("carn-m", 4, 414_787, 32.5),
    ],
)
def test_parameters_and_operations_for_720_lines(name: str, scale: int, count: int, giga: float) -> None:
    model = whole(name, scale)
    assert parameters(model) == count
    assert round(count_macs(model, 1, 3, *low_resolution(scale)).total / 1e9, 1) == giga


def test_one_network_enlarges_by_all_its_scales() -> None:
    model, image = tiny("carn"), torch.rand(1, 3, 5, 4)
    for scale in (2, 3, 4):
        assert model(image, scale).shape == (1, 3, 5 * scale, 4 * scale)
    assert torch.equal(model(image), model(image, 2))
    with pytest.raises(UsageError, match="scale: 8 is not among the scales"):
        model(image, 8)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("scale", {"scale": 5}),
        ("scale", {"scale": 2, "scales": (3, 4)}),
        ("scales", {"scales": (2, 2)}),
        ("scales", {"scales": (2, 8)}),
        ("width", {"width": 0}),
        ("groups", {"groups": 0}),
        ("groups", {"efficient": True, "groups": 3}),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{field}:"):
        CARNSettings(**wrong)
