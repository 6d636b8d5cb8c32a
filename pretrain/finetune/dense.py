"""GhostSR in one run: a dense network is trained first, converted, and its ghosts are fine-tuned (arXiv 2101.08525).

The dense network has a run folder of its own, `dense/` in the run's, and everything that belongs to a run: it resumes,
it is judged, and its model can be used. What is then fine-tuned begins with it as with any other `init`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from million_ird.errors import UsageError
from pretrain.models.ghost.network import GhostNetworkSettings

if TYPE_CHECKING:
    from pretrain.finetune.recipe import FinetuneRecipe

FOLDER = "dense"
"""Of the dense network's run, in the run folder."""


@dataclass(frozen=True)
class DenseSettings:
    """The recipe's section `[dense]`, for networks of the family "ghost": the training of the dense network before."""

    steps: int = 0
    """Optimiser steps of the dense network, which begins with `init`; 0: none, and `init` may name a trained one."""
    lr: float = 1e-4
    """Full learning rate of these steps (authors' code: 1e-4, for both trainings)."""

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise UsageError(f"dense.steps: got {self.steps}, expected 0 or more")
        if not self.lr > 0:
            raise UsageError(f"dense.lr: got {self.lr}, expected more than 0")


def check_dense(recipe: FinetuneRecipe) -> None:
    """Whether a recipe's section `[dense]` fits its network.

    Raises:
        UsageError: there is no dense network to train.
    """
    if recipe.dense.steps and not isinstance(recipe.model, GhostNetworkSettings):
        raise UsageError('dense.steps: only a network of the family "ghost" is made of a dense one; leave it out')


def dense_recipe(recipe: FinetuneRecipe) -> FinetuneRecipe | None:
    """The recipe of the dense network that `recipe` begins with, or None where it trains none."""
    if not recipe.dense.steps or not isinstance(recipe.model, GhostNetworkSettings):
        return None
    return replace(
        recipe,
        name=f"{recipe.name}_dense",
        model=recipe.model.network,
        steps=recipe.dense.steps,
        optimizer=replace(recipe.optimizer, lr=recipe.dense.lr),
        dense=DenseSettings(),
    )


def beginning_with_dense(recipe: FinetuneRecipe, out: Path) -> FinetuneRecipe:
    """The recipe with the dense network, trained below `out`, as what to begin with; itself where it trains none."""
    return recipe if dense_recipe(recipe) is None else replace(recipe, init=str(out.absolute() / FOLDER))
