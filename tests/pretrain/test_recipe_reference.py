from __future__ import annotations

from pathlib import Path

import pytest

from pretrain.finetune.recipe import FinetuneRecipe
from pretrain.finetune.tasks import TaskSettings
from pretrain.recipe import PretrainRecipe, bundled_recipes
from pretrain.recipe_reference import recipe_reference
from tests.undocumented import undocumented

DOCS = Path(__file__).resolve().parents[2] / "docs" / "training_recipes.md"


@pytest.mark.parametrize("recipe", [PretrainRecipe, FinetuneRecipe, TaskSettings], ids=lambda cls: cls.__name__)
def test_every_setting_is_documented(recipe: type) -> None:
    assert undocumented(recipe) == []


def test_the_reference_is_up_to_date() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert text.endswith(recipe_reference()), "run: python -m pretrain.recipe_reference docs/training_recipes.md"


def test_what_may_change_when_a_run_is_resumed_is_marked() -> None:
    lines = recipe_reference().splitlines()
    marked = {line.split("`")[1] for line in lines if "may change when a run is resumed." in line}
    assert {"name", "workers", "cache_gb", "accumulate"} <= marked
    assert not {"seed", "batch", "crop", "lanes", "window", "lr", "width"} & marked


def test_the_recipes_that_come_along_are_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert bundled_recipes()
    assert all(f"| `{recipe.removesuffix('.toml')}` |" in text for recipe in bundled_recipes())
