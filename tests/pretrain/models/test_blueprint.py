"""A network's shapes without its memory, and where building ends."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from million_ird.errors import UsageError
from pretrain.models.blueprint import blueprint
from pretrain.models.edsr import EDSR, EDSRSettings
from pretrain.models.families import build_network
from tests.pretrain.every_family import NETWORKS, network, variants_of


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_the_shapes_of_the_network_and_needs_no_more_tensors_than_are_kept(name: str) -> None:
    settings = NETWORKS[name]
    kept = network(settings).state_dict()
    planned = blueprint(partial(build_network, settings, variants_of(settings)), tensors=len(kept)).state_dict()
    assert {key: tensor.shape for key, tensor in planned.items()} == {k: tensor.shape for k, tensor in kept.items()}
    assert all(tensor.is_meta for tensor in planned.values())


def test_building_ends_with_the_first_tensor_too_many() -> None:
    built: list[int] = []

    def endless() -> nn.Module:
        while True:
            built.append(1)
            nn.Linear(2, 2)

    with pytest.raises(UsageError, match="its weights are more than 5 tensors"):
        blueprint(endless, tensors=5)
    assert len(built) == 3
    nn.Linear(2, 2)  # nothing counts any more


def test_a_network_of_any_width_costs_nothing() -> None:
    planned = blueprint(partial(EDSR, EDSRSettings(width=10**6)))
    assert planned.head.weight.shape == (10**6, 3, 3, 3)
    with pytest.raises(UsageError, match=r"its weights are more than 2\.0 GB"):
        blueprint(partial(EDSR, EDSRSettings(width=10**6)), nbytes=2e9)


@pytest.mark.parametrize("width", [10**12, 10**40])
def test_sizes_of_no_tensor_are_told_in_one_line(width: int) -> None:
    with pytest.raises(UsageError, match=r"^no tensors have such sizes: [^\n]+$"):
        blueprint(partial(EDSR, EDSRSettings(width=width)))


def test_no_number_is_drawn() -> None:
    before = torch.get_rng_state()
    for settings in NETWORKS.values():
        blueprint(partial(build_network, settings, variants_of(settings)))
    assert torch.equal(torch.get_rng_state(), before)
