"""The reference part of docs/recipes.md, made of the docstrings under the settings.

python -m pipelines.recipe_reference docs/recipes.md      rewrites it there
"""

from __future__ import annotations

import sys
from pathlib import Path

from million_ird.settings_reference import reference, rewrite
from pipelines.recipe import LOCATIONS, NOT_RECORDED, PACE, Recipe

BEGIN = "<!-- made by `python -m pipelines.recipe_reference docs/recipes.md`: change the docstrings, not this -->"


def recipe_reference() -> str:
    """Every setting of a recipe with its type, default and docstring, as Markdown."""
    return reference(Recipe, "## Top level", 2, _note)


def _note(name: str) -> str:
    if name in PACE:
        return ", may change during a build"
    if name in LOCATIONS:
        return ", a path or URL"
    return ", never recorded" if name.startswith(NOT_RECORDED) else ""


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]), BEGIN, recipe_reference())
