"""The reference part of docs/training_recipes.md, made of the docstrings under the settings.

python -m pretrain.recipe_reference docs/training_recipes.md      rewrites it there
"""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from pathlib import Path

from million_ird.settings_reference import reference, rewrite
from pretrain.finetune.recipe import FinetuneRecipe
from pretrain.recipe import FREE, LOCATIONS, PretrainRecipe

BEGIN = "<!-- made by `python -m pretrain.recipe_reference docs/training_recipes.md`; change the docstrings -->"


def recipe_reference() -> str:
    """Every setting of both kinds of recipe with its type, default and docstring, as Markdown."""
    pretraining = reference(PretrainRecipe, "## Pre-training", 3, _note)
    return pretraining + "\n" + reference(FinetuneRecipe, "## Fine-tuning", 3, _note)


def _note(name: str) -> str:
    where = ", a path or URL" if _matches(name, LOCATIONS) else ""
    return where + (", may change when a run is resumed" if _matches(name, FREE) else "")


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a key path, or a section that it lies in, is among the patterns."""
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[:end]), p) for p in patterns for end in range(1, len(parts) + 1))


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]), BEGIN, recipe_reference())
