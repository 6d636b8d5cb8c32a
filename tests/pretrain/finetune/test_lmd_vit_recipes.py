"""The recipes of LMD-ViT that come along: what is known of the authors' training, and crops that need no padding."""

from __future__ import annotations

import pytest

from pretrain.finetune.recipe import load_finetune_recipe
from pretrain.models.lmd_vit.settings import LMDViTSettings


def test_the_papers_recipe_has_what_is_known_of_the_authors_training() -> None:
    recipe = load_finetune_recipe("lmd_vit_reloblur")
    assert recipe.model == LMDViTSettings()
    assert (recipe.crop, recipe.loss.kind) == (512, "deblurring")
    assert [name for name, task in recipe.tasks.items() if task.kind.has_masks] == ["local"]
    assert recipe.tasks["global"].degraded and recipe.tasks["local"].blur_aware == 0.5


@pytest.mark.parametrize("name", ["lmd_vit_reloblur", "lmd_vit_laptop"])
def test_crops_are_whole_numbers_of_the_largest_windows(name: str) -> None:
    recipe = load_finetune_recipe(name)
    assert isinstance(recipe.model, LMDViTSettings)
    assert recipe.crop % recipe.model.multiple == 0 and recipe.validation.side % recipe.model.multiple == 0


def test_the_laptop_learns_from_clean_photographs_alone() -> None:
    recipe = load_finetune_recipe("lmd_vit_laptop")
    (task,) = recipe.tasks.values()
    assert task.local_blur is not None and task.kind.has_masks and not task.triples
    assert recipe.validation.side == recipe.crop  # objects and trails are shares of the square: no others are judged
