from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from pretrain.models.counting import parameters
from pretrain.models.grl.counting import LISTED, count, position_macs
from pretrain.models.grl.network import GRL
from pretrain.models.grl.settings import GRLSettings, preset
from pretrain.models.operations import Macs, count_macs
from tests.pretrain.models.grl.conftest import NARROW


def unbuilt(settings: GRLSettings) -> GRL:
    with torch.device("meta"):
        return GRL(settings).eval()


@pytest.mark.parametrize(
    ("size", "twice", "thrice", "four_times", "colour", "grey"),
    [
        ("tiny", 885_420, 894_075, 906_192, 880_227, 877_921),
        ("small", 3_340_003, 3_524_643, 3_487_715, 3_120_227, 3_115_617),
        ("base", 20_053_587, 20_238_227, 20_201_299, 19_805_263, 19_798_781),
    ],
)
def test_parameters_are_the_published_ones(
    size: Any, twice: int, thrice: int, four_times: int, colour: int, grey: int
) -> None:
    enlarging = [parameters(unbuilt(preset(size, "sr", scale))) for scale in (2, 3, 4)]
    assert enlarging == [twice, thrice, four_times]
    assert [parameters(unbuilt(preset(size, "dn", colours=colours))) for colours in (3, 1)] == [colour, grey]


def test_parameters_of_unknown_degradations_and_of_other_windows() -> None:
    assert parameters(unbuilt(preset("base", "bsr", 4))) == 20_016_659
    assert parameters(unbuilt(preset("tiny", "jpeg"))) == parameters(unbuilt(preset("tiny", "dn")))


@pytest.mark.parametrize(
    ("size", "task", "scale", "side", "giga"),
    [
        ("tiny", "sr", 4, 64, 10.01),
        ("small", "sr", 4, 64, 28.52),
        ("base", "sr", 4, 64, 173.00),
        ("tiny", "sr", 4, 128, 38.43),
        ("small", "sr", 4, 128, 112.45),
        ("tiny", "sr", 2, 64, 9.93),
        ("small", "sr", 2, 64, 26.02),
        ("tiny", "dn", 1, 128, 34.03),
        ("small", "dn", 1, 128, 90.49),
        ("small", "jpeg", 1, 144, 170.37),
        ("base", "bsr", 4, 64, 97.90),
    ],
)
def test_operations_are_those_measured_on_the_published_code(
    size: Any, task: Any, scale: Any, side: int, giga: float
) -> None:
    assert round(count(unbuilt(preset(size, task, scale)), side, side).total / 1e9, 2) == giga


@pytest.mark.parametrize(
    ("size", "changes", "giga"),
    [
        ("tiny", {"window": 8, "stripe": (16, 32)}, 3.62),
        ("tiny", {"window": 8, "stripe": (32, 64)}, 4.58),
        ("small", {"window": 8, "stripe": (16, 32)}, 16.22),
        ("small", {"window": 8, "stripe": (32, 64)}, 17.99),
        ("base", {"anchor_factor": 4}, 126.64),
    ],
)
def test_operations_of_other_windows(size: Any, changes: dict[str, Any], giga: float) -> None:
    settings = dataclasses.replace(preset(size, "sr", 4), **changes)
    assert round(count(unbuilt(settings), 64, 64).total / 1e9, 2) == giga


def test_position_tables_cost_the_same_for_any_image() -> None:
    tiny = unbuilt(preset("tiny", "sr", 4))
    assert round(position_macs(tiny) / 1e9, 2) == 0.54
    assert position_macs(unbuilt(preset("small", "sr", 4))) == position_macs(tiny)


@pytest.mark.parametrize(
    "changes",
    [
        {"depths": (2, 1)},
        {"local": True, "width": 24, "scale": 4, "upsampler": "nearest", "depths": (1,)},
        {"scale": 4, "upsampler": "shuffle", "depths": (1,)},
        {"scale": 2, "upsampler": "direct", "colours": 1, "depths": (1,)},
    ],
)
def test_they_are_what_following_every_operator_finds(changes: dict[str, Any]) -> None:
    model = unbuilt(dataclasses.replace(NARROW, **changes))
    followed = count_macs(model, 1, model.settings.colours, 9, 15)
    assert followed + Macs(linears=position_macs(model)) == count(model, 9, 15)


def test_another_network_is_refused() -> None:
    with pytest.raises(TypeError, match="got a Linear, expected a GRL"):
        count(nn.Linear(1, 1), 8, 8)


def test_the_listings_name_sizes_tasks_and_windows() -> None:
    base = next(listing for listing in LISTED if listing.variant == "base sr ×4")
    assert base.settings == {"window": 32, "stripe": (64, 64), "anchor_factor": 2}
    assert isinstance(base.built(), GRL) and base.published_parameters == "20,201,299"
