"""The network a run begins with: random weights of the recipe's seed, or those of an earlier training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from million_ird.errors import UsageError
from pretrain.models.families import ModelSettings, build_network, settings_of
from pretrain.models.ghost.network import GhostNetwork, GhostNetworkSettings
from pretrain.models.pretrained import from_pretrained
from pretrain.recipe import TrainingRecipe


def first_network(recipe: TrainingRecipe) -> nn.Module:
    """The network of a recipe with random weights, a function of `seed` alone; the global generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return build_network(recipe.model, recipe.trained_variants())


def read_init(location: str, model: ModelSettings, seed: int) -> dict[str, Tensor]:
    """The weights that the setting `init` names; see `from_pretrained` for what may stand there.

    Where `model` is a GhostSR network and `init` names the dense one that it is made of, that is converted; `seed`
    decides the first weights of its offsets.

    Raises:
        UsageError: there is nothing of the kind.
        DatasetError: it is damaged, or no network of ours.
    """
    try:
        found = from_pretrained(location).model
        if isinstance(model, GhostNetworkSettings) and settings_of(found) == model.network:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                found = GhostNetwork(model, found)
        return found.state_dict()
    except UsageError as error:
        raise UsageError(f"init: {error}") from None
