"""What is looked at before weights are taken over."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from million_ird.errors import DatasetError
from pretrain.models.ghost.layer import GhostConvolution
from pretrain.models.loading import check_finite, load_weights, one_line
from tests.pretrain.every_family import NETWORKS, network


def ghost() -> nn.Module:
    return network(NETWORKS["ghost of edsr"])


def changed(model: nn.Module, name: str, value: Tensor) -> dict[str, Tensor]:
    return {**model.state_dict(), name: value}


def first_layer(model: nn.Module) -> str:
    return next(name for name, part in model.named_modules() if isinstance(part, GhostConvolution))


@pytest.mark.parametrize(("at", "value"), [("source", 3), ("source", -1), ("order", 6), ("order", -1), ("order", 0)])
def test_ghosts_of_maps_that_are_not_there_are_refused(at: str, value: int) -> None:
    model = ghost()
    name = f"{first_layer(model)}.{at}.index"
    index = model.state_dict()[name].clone()
    index[-1] = value
    with pytest.raises(DatasetError, match=rf"^a file is damaged: {name} (names maps beyond the 3|does not name each)"):
        load_weights(model, changed(model, name, index), "a file")


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.complex64])
def test_weights_that_are_no_real_numbers_are_refused(kind: torch.dtype) -> None:
    model = ghost()
    state = changed(model, "network.head.weight", model.state_dict()["network.head.weight"].to(kind))
    with pytest.raises(DatasetError, match=r"a file is damaged: network.head.weight has numbers of the type (int|b|c)"):
        load_weights(model, state, "a file")


def test_weights_of_half_precision_are_taken() -> None:
    model = ghost()
    half = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    load_weights(model, half, "a file")
    assert torch.equal(model.state_dict()["network.head.weight"], half["network.head.weight"].float())


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e300])
def test_numbers_that_are_not_finite_are_told_by_name(value: float) -> None:
    check_finite({"fine": torch.ones(2), "count": torch.ones(2, dtype=torch.int64)}, "a file")
    with pytest.raises(DatasetError, match="a file cannot be used: spoiled has numbers that are not finite"):
        check_finite({"fine": torch.ones(2), "spoiled": torch.tensor([1.0, value], dtype=torch.float64)}, "a file")


def test_what_strangers_write_stays_in_its_line() -> None:
    assert one_line("a\nb\x1b[2J") == "a?b?[2J" and len(one_line("x" * 10**6)) == 200
