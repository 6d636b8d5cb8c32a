"""First weights: decided by the seed alone, deep enough for every variant."""

from __future__ import annotations

from dataclasses import replace

import torch

from pretrain.first_weights import first_network
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
