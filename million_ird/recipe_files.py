"""Finding a recipe: a file of the user's, or one that comes with a package, by its bare name."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path

from million_ird.errors import UsageError


def bundled_recipes(folder: Traversable) -> list[str]:
    """File names of the recipes in a package's folder."""
    return sorted(item.name for item in folder.iterdir() if item.name.endswith(".toml"))


def find_recipe(path_or_name: str, folder: Traversable) -> tuple[str, str, str]:
    """A recipe's text, its bare name, and the folder that its relative paths belong to.

    Those of a recipe in `folder`, a package's own, belong to the current folder.

    Raises:
        UsageError: there is no such recipe, or it cannot be read.
    """
    path = Path(path_or_name).expanduser()
    known = bundled_recipes(folder)
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8"), path.stem, str(path.parent)
        name = path_or_name.removesuffix(".toml") + ".toml"
        if name in known:
            return (folder / name).read_text(encoding="utf-8"), name.removesuffix(".toml"), "."
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the recipe {path_or_name}: {error}") from None
    raise UsageError(f"there is no recipe {path_or_name}; those that come along are {', '.join(known)}")
