"""The network a run begins with: random weights of the recipe's seed, or those of an earlier training."""

from __future__ import annotations

import torch
from torch import Tensor

from million_ird.errors import UsageError
from pretrain.models.dynet import DyNet
from pretrain.models.pretrained import from_pretrained
from pretrain.models.variants import deepest
from pretrain.recipe import TrainingRecipe


def first_network(recipe: TrainingRecipe) -> DyNet:
    """The network of a recipe with random weights, a function of `seed` alone; the global generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return DyNet(recipe.model, depth=deepest(recipe.trained_variants()))


def read_init(location: str) -> dict[str, Tensor]:
    """The weights that the setting `init` names; see `from_pretrained` for what may stand there.

    Raises:
        UsageError: there is nothing of the kind.
        DatasetError: it is damaged, or no network of ours.
    """
    try:
        return from_pretrained(location).model.state_dict()
    except UsageError as error:
        raise UsageError(f"init: {error}") from None
