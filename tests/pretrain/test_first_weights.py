"""First weights: decided by the seed alone, deep enough for every variant."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from million_ird.errors import UsageError
from pretrain.first_weights import first_network
from pretrain.models.edsr import EDSRSettings
from pretrain.recipe import TrainingRecipe
from tests.pretrain.tiny import SETTINGS, UNSHARED

RECIPE = TrainingRecipe(model=SETTINGS, variants={"deep": (2, 1, 1, 3), "wide": (1, 1, 1, 1, 1, 2, 1)})


def test_the_seed_decides_and_nothing_is_drawn_from_the_global_generator() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = first_network(RECIPE).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    again, other = first_network(RECIPE).state_dict(), first_network(replace(RECIPE, seed=1)).state_dict()
    assert all(torch.equal(again[name], value) for name, value in first.items())
    assert any(not torch.equal(other[name], value) for name, value in first.items())


def test_an_unshared_network_has_blocks_for_all_variants() -> None:
    model = first_network(replace(RECIPE, model=UNSHARED))
    assert model.depth is not None
    assert (model.depth.encoder, model.depth.latent, model.depth.decoder) == ((2, 1, 1), 3, (2, 2, 1))
    for variant in RECIPE.trained_variants():
        model.check_variant(variant)


@pytest.mark.parametrize("width", [10**7, 2 * 10**9])
def test_a_network_that_no_memory_holds_is_refused_before_it_is_built(width: int) -> None:
    with pytest.raises(UsageError, match=r"^model: there is no memory for this network: [^\n]+$"):
        first_network(replace(RECIPE, model=EDSRSettings(width=width), variants={}))
