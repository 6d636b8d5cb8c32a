"""Plain values, as `tomllib` reads them and JSON holds them: written as text, changed by overrides, compared.

Nothing here knows which settings they are; `million_ird.settings` does.
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from million_ird.errors import UsageError


def joined(path: str, key: str) -> str:
    """The key path of `key` inside the table at `path`, "" being the outermost."""
    return f"{path}.{key}" if path else key


def canonical_json(values: Any) -> bytes:
    """One and only one spelling of plain values: sorted keys, no spaces, ASCII. What fingerprints are taken of.

    An integral float is written as a float (`1.0`). Floats must be finite (see `to_dict`).
    """
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def to_toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML: scalars first, then tables, in the order given. None is left out (TOML has no null)."""
    return "\n".join(_toml_lines(values, ())).strip("\n") + "\n"


def toml_value(value: Any) -> str:
    """One plain value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(inner) for inner in value)}]"
    if isinstance(value, Mapping):
        pairs = (f"{_toml_key(str(key))} = {toml_value(inner)}" for key, inner in value.items() if inner is not None)
        return f"{{{', '.join(pairs)}}}"
    return _toml_text(str(value))


def apply_overrides(values: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of `values` with each `section.key=value` set; later ones win.

    Raises:
        UsageError: no `=`, an empty key, or a key path that runs through something that is no table.
    """
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for text in overrides:
        keys, value = parse_override(text)
        _set(result, keys, value, text)
    return result


def parse_override(text: str) -> tuple[list[str], Any]:
    """Split `section.key=value` into its key path and its value.

    The value is read as TOML (`8`, `0.5`, `true`, `["a", "b"]`, `"text"`, `{low = 1.0}`); what is no TOML value is
    taken as text as it stands, so that `manifest.path=/data/list.csv` needs no quotes.
    """
    name, equals, raw = text.partition("=")
    keys = [part.strip() for part in name.split(".")]
    if not equals or not all(keys):
        raise UsageError(f"--set {text}: expected section.key=value")
    try:
        return keys, tomllib.loads(f"value = {raw.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return keys, raw.strip()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two plain recipes, one `section.key: old → new` line per leaf, in key order."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    absent = object()
    lines = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key, absent), after.get(key, absent)
        if canonical_json(None if was is absent else was) != canonical_json(None if now is absent else now):
            left = "(not set)" if was is absent or was is None else toml_value(was)
            right = "(not set)" if now is absent or now is None else toml_value(now)
            lines.append(f"{key}: {left} → {right}")
    return lines


def _set(values: dict[str, Any], keys: list[str], value: Any, text: str) -> None:
    target: Any = values
    for position, key in enumerate(keys[:-1]):
        target = _descend(target, key, ".".join(keys[:position]), text)
    target = _only_table(target, ".".join(keys[:-1]), text)
    target[keys[-1]] = value


def _descend(target: Any, key: str, path: str, text: str) -> Any:
    if isinstance(target, list) and key.isdigit():
        if int(key) >= len(target):
            raise UsageError(f"--set {text}: {path} has only {len(target)} entries")
        return target[int(key)]
    return _only_table(target, path, text).setdefault(key, {})


def _only_table(target: Any, path: str, text: str) -> dict[str, Any]:
    """The table that a key path meant: a table, or the only one of a list."""
    if isinstance(target, list) and len(target) == 1:
        target = target[0]
    if isinstance(target, list):
        raise UsageError(f"--set {text}: {path} has {len(target)} entries; name one by number, as in {path}.0.key=…")
    if not isinstance(target, dict):
        raise UsageError(f"--set {text}: {path} is no table")
    return target


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        for key, inner in values.items():
            yield from _leaves(inner, joined(path, str(key)))
    elif isinstance(values, list) and values and all(isinstance(inner, Mapping) for inner in values):
        for position, inner in enumerate(values):
            yield from _leaves(inner, f"{path}.{position}" if len(values) > 1 else path)
    else:
        yield path, values


def _toml_lines(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {key: value for key, value in values.items() if _is_table(value)}
    for key, value in values.items():
        if key not in tables and value is not None:
            yield f"{_toml_key(key)} = {toml_value(value)}"
    for key, value in tables.items():
        name = ".".join(_toml_key(part) for part in (*path, key))
        for inner in value if isinstance(value, list) else [value]:
            yield f"\n[[{name}]]" if isinstance(value, list) else f"\n[{name}]"
            yield from _toml_lines(inner, (*path, key))


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(inner, Mapping) for inner in value)
    return isinstance(value, Mapping)


def _toml_key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "a").replace("_", "a").isalnum()
    return key if bare else _toml_text(key)


def _toml_text(text: str) -> str:
    """A basic string; JSON's escapes are TOML's, except that TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
