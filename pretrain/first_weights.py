"""The network a run begins with: random weights of the recipe's seed, or those of an earlier training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from torch import Tensor, nn

from million_ird import settings
from million_ird.errors import DatasetError, UsageError
from million_ird.store import explained
from pretrain.checkpoint import MODEL, Checkpoints, CheckpointSettings
from pretrain.models.dynet import DyNet
from pretrain.models.variants import deepest
from pretrain.recipe import TrainingRecipe
from pretrain.weights import read_safetensors


def first_network(recipe: TrainingRecipe) -> DyNet:
    """The network of a recipe with random weights, a function of `seed` alone; the global generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return DyNet(recipe.model, depth=deepest(recipe.trained_variants()))


def network_metadata(recipe: TrainingRecipe) -> dict[str, str]:
    """What stands beside the weights in every file: how to build the network, its variants, and the whole recipe."""
    return {
        "architecture": json.dumps(settings.to_dict(recipe.model)),
        "variants": json.dumps({variant.name: list(variant.repeats) for variant in recipe.trained_variants()}),
        "recipe": recipe.to_toml(),
    }


def read_init(location: str) -> dict[str, Tensor]:
    """The weights that `init` names: a safetensors file, a folder with one (a checkpoint, a pretrained folder), or the
    folder of a run, of which the best checkpoint is taken, or the newest if none was judged.

    Raises:
        UsageError: there is nothing of the kind.
        DatasetError: the file is damaged.
    """
    path = _weights_file(Path(location))
    try:
        with explained("read", str(path)):
            return read_safetensors(path)[0]
    except (safetensors.SafetensorError, ValueError) as error:
        raise DatasetError(f"init: {path} is damaged: {error}") from error


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], place: str) -> None:
    """Puts weights into a model.

    Raises:
        DatasetError: they are of another network; the text names `place` and the first thing that does not fit.
    """
    own = model.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        if name not in weights or name not in own:
            there = "misses" if name not in weights else "has besides"
            raise DatasetError(f"{place} is of another network: it {there} {name}")
        if own[name].shape != weights[name].shape:
            raise DatasetError(
                f"{place} is of another network: {name} is {list(weights[name].shape)} there and "
                f"{list(own[name].shape)} by the recipe (another model.width?)"
            )
    model.load_state_dict(dict(weights))


def _weights_file(location: Path) -> Path:
    if location.is_file():
        return location
    if (location / MODEL).is_file():
        return location / MODEL
    checkpoints = Checkpoints(location, CheckpointSettings())
    steps = checkpoints.steps()
    if steps:
        return (checkpoints.best() or checkpoints.path(steps[-1])) / MODEL
    raise UsageError(f"init: {location} is no weights file, checkpoint, run or pretrained folder")
