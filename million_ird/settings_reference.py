"""Markdown reference of settings, made of the docstrings under them, so that no document repeats what the code says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from million_ird.errors import UsageError
from million_ird.plain_values import joined, toml_value
from million_ird.settings_fields import field_docs, field_types, nested_settings, tag_of, type_name

Note = Callable[[str], str]
"""Key path of a setting → what else is to be said of it, such as ", a path or URL"; "" for nothing."""


def reference(cls: Any, heading: str, level: int, note: Note) -> str:
    """Every setting of a class with its type, default and docstring; sections inside it follow under headings.

    Args:
        cls: a settings class, see `million_ird.settings`.
        heading: of the settings that lie in no section, such as "## Top level".
        level: of the headings of sections; those of sections within sections lie below.
        note: said after a setting's type.
    """
    return "\n".join(_section(cls, "", heading, "", level, note)) + "\n"


def rewrite(path: Path, begin: str, text: str) -> None:
    """Replaces what follows the line `begin` in a Markdown file by `text`. `UsageError` if it has no such line."""
    old = path.read_text(encoding="utf-8")
    if begin not in old:
        raise UsageError(f"{path} has no line {begin}")
    path.write_text(f"{old.split(begin)[0]}{begin}\n\n{text}", encoding="utf-8")


def _section(cls: Any, path: str, heading: str, introduction: str, level: int, note: Note) -> Iterator[str]:
    """The settings of one class, then those of the classes inside it."""
    docs, types = field_docs(cls), field_types(cls)
    inner = []
    yield from (heading, "")
    if introduction:
        yield from (introduction, "")
    for item in fields(cls):
        name = joined(path, item.name)
        nested = nested_settings(types[item.name])
        inner += [(name, each, docs[item.name] if each is nested[0] else "") for each in nested]
        if not nested:
            kind = type_name(types[item.name]) + note(name)
            yield f"- **`{item.name}`**{_default(item)}, {kind}. {docs[item.name]}"
    yield ""
    for name, each, doc in inner:
        tag = tag_of(each)
        which = f" with {tag[0]} = {toml_value(tag[1])}" if tag else ""
        yield from _section(each, name, f"{'#' * (level + name.count('.'))} `[{name}]`{which}", doc, level, note)


def _default(item: Field[Any]) -> str:
    if item.default is not MISSING:
        value = item.default
    elif item.default_factory is not MISSING:
        value = item.default_factory()
    else:
        return " must be given"
    return f" = `{toml_value(value)}`"
