"""The network a run begins with: random weights of the recipe's seed, or those of an earlier training."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from million_ird import plain_values, settings
from million_ird.errors import UsageError
from pretrain.memory import available_bytes
from pretrain.models.blueprint import blueprint
from pretrain.models.families import ModelSettings, build_network, family_of, settings_of
from pretrain.models.ghost.network import GhostNetwork, GhostNetworkSettings
from pretrain.models.pretrained import from_pretrained
from pretrain.recipe import TrainingRecipe


def first_network(recipe: TrainingRecipe) -> nn.Module:
    """The network of a recipe with random weights, a function of `seed` alone; the global generator is left alone.

    Raises:
        UsageError: its weights alone are more than the free memory holds.
    """
    try:
        blueprint(partial(build_network, recipe.model, recipe.trained_variants()), nbytes=_free_bytes())
    except UsageError as error:
        raise UsageError(f"model: there is no memory for this network: {error}") from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return build_network(recipe.model, recipe.trained_variants())


def _free_bytes() -> int:
    return available_bytes(torch.device("cpu"))


def read_init(location: str, model: ModelSettings, seed: int) -> dict[str, Tensor]:
    """The weights that the setting `init` names; see `from_pretrained` for what may stand there.

    Where `model` is a GhostSR network and `init` names the dense one that it is made of, that is converted; `seed`
    decides the first weights of its offsets. The global generator is left alone.

    Raises:
        UsageError: there is nothing of the kind, or a network of another family; or a dense one with other settings
            than those that `model` converts.
        DatasetError: it is damaged, or no network of ours.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            found = from_pretrained(location).model
        except UsageError as error:
            raise UsageError(f"init: {error}") from None
        if settings_of(found).family == model.family:
            return found.state_dict()
        if not isinstance(model, GhostNetworkSettings):
            raise UsageError(f"init: {location} {_difference(settings_of(found), model, 'model')}")
        if settings_of(found) != model.network:
            raise UsageError(f"init: {location} {_difference(settings_of(found), model.network, 'model.network')}")
        torch.manual_seed(seed)
        return GhostNetwork(model, found).state_dict()


def _difference(there: ModelSettings, here: ModelSettings, section: str) -> str:
    """In words, why a network is not the one that a section of the recipe describes."""
    if there.family != here.family:
        return f"is of the family {there.family!r} ({family_of(there).title}), [{section}] is of {here.family!r}"
    changes = plain_values.differences(settings.to_dict(there), settings.to_dict(here))
    return f"is not the network of [{section}]; there → here: {'; '.join(changes)}"
