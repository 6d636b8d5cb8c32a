"""The recipes of ESRT, GhostSR and EDSR that come along: the authors' numbers, and what `--set` makes of them."""

from __future__ import annotations

import pytest

from pretrain.finetune.dense import dense_recipe
from pretrain.finetune.recipe import FinetuneRecipe, load_finetune_recipe
from pretrain.models.carn import CARNSettings
from pretrain.models.edsr import EDSRSettings, baseline
from pretrain.models.esrt import ESRTSettings
from pretrain.models.families import build_network
from pretrain.models.ghost.network import GhostNetworkSettings
from pretrain.models.rdn import RDNSettings
from pretrain.recipe import recipe_from_toml
from pretrain.schedule import learning_rate

OTHERS = {
    '{family="rdn", scale=2}': RDNSettings(2),
    '{family="carn", scale=2, scales=[2]}': CARNSettings(2, (2,)),
    '{family="carn", scale=2, scales=[2], efficient=true}': CARNSettings(2, (2,), efficient=True),
}
"""Networks that take the place of EDSR, as the recipes' comments say."""


def rates(recipe: FinetuneRecipe, *steps: int) -> list[float]:
    return [learning_rate(step, recipe.steps, recipe.optimizer.lr, recipe.schedule) for step in steps]


def is_plain_adam(recipe: FinetuneRecipe) -> bool:
    """Whether all else is as in the authors' codes: Adam with its defaults, L1, no average of weights."""
    optimizer, loss = recipe.optimizer, recipe.loss
    by_itself = (optimizer.kind, optimizer.betas, optimizer.weight_decay, optimizer.clip_norm)
    return by_itself == ("adam", (0.9, 0.999), 0.0, 0.0) and (loss.kind, recipe.ema.enabled) == ("l1", False)


def test_esrt_is_trained_as_by_its_authors() -> None:
    recipe = load_finetune_recipe("esrt_x4")
    assert recipe.model == ESRTSettings(4)
    assert (recipe.steps, recipe.batch, recipe.crop, recipe.scale) == (500_000, 16, 192, 4)
    assert rates(recipe, 0, 99_999, 100_000, 200_000, 499_999) == [2e-4, 2e-4, 1e-4, 5e-5, 2e-4 / 16]
    assert is_plain_adam(recipe)


@pytest.mark.parametrize("scale", [2, 3])
def test_the_other_scales_of_esrt_see_as_much(scale: int) -> None:
    names = ("model.scale", "tasks.enlarge.scale")
    recipe = load_finetune_recipe("esrt_x4", [*(f"{name}={scale}" for name in names), f"crop={48 * scale}"])
    assert recipe.model == ESRTSettings(scale)
    assert recipe.crop // recipe.scale == 48


def test_ghosts_of_edsr_are_trained_as_by_their_authors_after_the_dense_network() -> None:
    recipe = load_finetune_recipe("ghost_edsr_x2")
    assert recipe.model == GhostNetworkSettings(EDSRSettings(2))
    assert (recipe.steps, recipe.batch, recipe.crop, recipe.scale) == (6000 * 800 // 16, 16, 192, 2)
    assert recipe.model.epoch_steps * 6000 == recipe.steps
    assert rates(recipe, 0, 299_999) == [1e-4, 1e-4]
    dense = dense_recipe(recipe)
    assert dense is not None and dense.model == EDSRSettings(2)
    assert is_plain_adam(recipe) and is_plain_adam(dense)
    assert (dense.steps, dense.optimizer.lr, dense.crop) == (300_000, 1e-4, 192)


def test_the_dense_baseline_is_trained_in_the_same_way() -> None:
    recipe, ghosts = load_finetune_recipe("edsr_baseline_x2"), load_finetune_recipe("ghost_edsr_x2")
    assert recipe.model == baseline(2)
    for name in ("steps", "batch", "crop", "optimizer", "schedule", "loss", "tasks"):
        assert getattr(recipe, name) == getattr(ghosts, name), name


@pytest.mark.parametrize(("text", "settings"), OTHERS.items())
def test_another_network_takes_the_place_of_edsr(text: str, settings: RDNSettings | CARNSettings) -> None:
    assert load_finetune_recipe("edsr_baseline_x2", [f"model={text}"]).model == settings
    recipe = load_finetune_recipe("ghost_edsr_x2", [f"model.network={text}"])
    assert recipe.model == GhostNetworkSettings(settings)
    assert recipe_from_toml(FinetuneRecipe, recipe.to_toml()) == recipe


@pytest.mark.parametrize("name", ["esrt_laptop", "ghost_edsr_laptop"])
def test_the_recipes_for_a_laptop_are_small(name: str) -> None:
    recipe = load_finetune_recipe(name)
    network = build_network(recipe.model, recipe.trained_variants())
    assert sum(weight.numel() for weight in network.parameters()) < 250_000
    assert recipe.steps * recipe.batch * (recipe.crop // recipe.scale) ** 2 < 2e7, "pixels seen"


def test_the_noise_of_the_ghosts_for_a_laptop_has_faded_before_the_rate_has() -> None:
    recipe = load_finetune_recipe("ghost_edsr_laptop")
    assert isinstance(recipe.model, GhostNetworkSettings)
    settled = 200 * recipe.model.epoch_steps  # from there on no offset changes, docs/models.md
    assert rates(recipe, settled)[0] > recipe.optimizer.lr / 4
