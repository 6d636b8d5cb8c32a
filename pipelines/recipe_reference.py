"""The reference part of docs/recipes.md, made of the docstrings under the settings.

python -m pipelines.recipe_reference docs/recipes.md      rewrites it there
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from million_ird import settings
from million_ird.errors import UsageError
from pipelines.recipe import LOCATIONS, NOT_RECORDED, PACE, Recipe

BEGIN = "<!-- made by `python -m pipelines.recipe_reference docs/recipes.md`: change the docstrings, not this -->"


def reference() -> str:
    """Every setting of a recipe with its type, default and docstring, as Markdown."""
    return "\n".join([BEGIN, "", *_section(Recipe, "", "## Top level", "")]) + "\n"


def rewrite(path: Path) -> None:
    """Replaces what follows the marker in a Markdown file."""
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text:
        raise UsageError(f"{path} has no line {BEGIN}")
    path.write_text(text.split(BEGIN)[0] + reference(), encoding="utf-8")


def _section(cls: Any, path: str, heading: str, introduction: str) -> Iterator[str]:
    """The settings of one class, then those of the classes inside it."""
    docs, types = settings.field_docs(cls), settings.field_types(cls)
    inner = []
    yield from (heading, "")
    if introduction:
        yield from (introduction, "")
    for item in fields(cls):
        name = f"{path}.{item.name}" if path else item.name
        nested = settings.nested_settings(types[item.name])
        if nested is not None:
            inner.append((name, nested, docs[item.name]))
        else:
            kind = settings.type_name(types[item.name]) + _note(name)
            yield f"- **`{item.name}`**{_default(item)}, {kind}. {docs[item.name]}"
    yield ""
    for name, nested, doc in inner:
        yield from _section(nested, name, f"{'#' * (2 + name.count('.'))} `[{name}]`", doc)


def _default(item: Field[Any]) -> str:
    if item.default is not MISSING:
        value = item.default
    elif item.default_factory is not MISSING:
        value = item.default_factory()
    else:
        return " must be given"
    shown = settings.toml_value(value)
    return f" = `{shown}`"


def _note(name: str) -> str:
    if name in PACE:
        return ", may change during a build"
    if name in LOCATIONS:
        return ", a path or URL"
    return ", never recorded" if name.startswith(NOT_RECORDED) else ""


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]))
