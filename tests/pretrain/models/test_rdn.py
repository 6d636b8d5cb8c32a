from __future__ import annotations

from typing import Any

import pytest

from million_ird.errors import UsageError
from pretrain.models.counting import parameters
from pretrain.models.operations import count_macs
from pretrain.models.rdn import RDNSettings
from pretrain.models.upsampling import low_resolution
from tests.pretrain.models.super_resolution import whole


@pytest.mark.parametrize(
    ("scale", "count", "giga"), [(2, 22_123_395, 5096.2), (3, 22_308_035, 2281.2), (4, 22_271_107, 1309.2)]
)
def test_parameters_and_operations_for_720_lines(scale: int, count: int, giga: float) -> None:
    model = whole("rdn", scale)
    assert parameters(model) == count
    assert round(count_macs(model, 1, 3, *low_resolution(scale)).total / 1e9, 1) == giga


@pytest.mark.parametrize("wrong", [{"scale": 5}, {"blocks": 0}, {"layers": 0}, {"growth": 0}, {"width": 0}])
def test_a_setting_that_cannot_be_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{next(iter(wrong))}:"):
        RDNSettings(**wrong)
