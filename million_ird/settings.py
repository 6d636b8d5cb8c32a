"""From TOML to frozen, typed settings, and back.

A settings class is a frozen dataclass that lives beside the code it steers; the string literal under each field is
the field's documentation (unit, range, source of the default). This module turns plain dictionaries (as `tomllib`
gives them) into such objects, says exactly what is wrong where one does not fit, and writes them back as
dictionaries and as TOML with one spelling only.

Understood field types: bool, int, float, str, Literal, `X | None`, tuple[X, ...], tuple[X, Y], Mapping[str, X] or
dict[str, X], other settings classes and unions of them. A field of type `tuple[SomeSettings, ...]` accepts one table
(`[manifest]`) as well as an array of tables (`[[manifest]]`). Of a union of settings classes each begins with a field
of one Literal only, the tag, by which a table says which of them it is; without it, it is the first.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import difflib
import inspect
import itertools
import json
import math
import textwrap
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, TypeVar

from million_ird.errors import UsageError

Settings = TypeVar("Settings")


def from_dict(cls: type[Settings], values: Mapping[str, Any], path: str = "") -> Settings:
    """Build settings of class `cls` from plain values; absent keys keep their defaults.

    Args:
        cls: a frozen dataclass.
        values: what `tomllib` read: bool, int, float, str, list and dict.
        path: key path of `values` in the recipe, used in messages ("" for the whole recipe).

    Raises:
        UsageError: an unknown key (with the nearest known one), a value of the wrong type or outside its range, a
            missing key without default. The text begins with the full key path.
    """
    hints = field_types(typing.cast(type, cls))
    for key in values:
        if key not in hints:
            raise UsageError(_unknown_key(cls, path, key))
    missing = [f.name for f in dataclasses.fields(_plain(cls)) if _required(f) and f.name not in values]
    if missing:
        raise UsageError(f"{_join(path, missing[0])}: must be given")
    converted = {key: _convert(hints[key], value, _join(path, key)) for key, value in values.items()}
    try:
        return cls(**converted)
    except UsageError as error:
        raise UsageError(f"{path}: {error}" if path and not str(error).startswith(path) else str(error)) from None
    except (ValueError, TypeError) as error:  # a settings class checks its own ranges in __post_init__
        raise UsageError(f"{path or 'recipe'}: {error}") from None


def to_dict(settings: Any) -> dict[str, Any]:
    """The plain values of `settings`, every field spelled out, in the order of the fields.

    Tuples become lists and infinities the texts "inf" and "-inf", so that the result is JSON as well as TOML.
    """
    hints = field_types(typing.cast(type, type(settings)))
    return {name: _plain_value(getattr(settings, name), hint) for name, hint in hints.items()}


def canonical_json(values: Any) -> bytes:
    """One and only one spelling of plain values: sorted keys, no spaces, ASCII. What fingerprints are taken of.

    An integral float is written as a float (`1.0`). Floats must be finite (see `to_dict`).
    """
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def to_toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML: scalars first, then tables, in the order given. None is left out (TOML has no null)."""
    return "\n".join(_toml_lines(values, ())).strip("\n") + "\n"


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


@cache
def field_docs(cls: type) -> dict[str, str]:
    """The string literal under each field of a settings class, whitespace joined; fields without one are absent. A
    field that a class inherits has the docstring of the class it inherits from."""
    docs: dict[str, str] = {}
    for owner in reversed([base for base in cls.__mro__ if dataclasses.is_dataclass(base)]):
        docs |= _own_docs(owner)
    return docs


def _own_docs(cls: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = typing.cast(ast.ClassDef, tree.body[0]).body
    docs = {}
    for statement, following in itertools.pairwise(body):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            docs[statement.target.id] = " ".join(str(following.value.value).split())
    return docs


def known_keys(cls: type, path: str = "") -> list[str]:
    """Every key path that a recipe of class `cls` knows, sections before their keys."""
    keys = []
    for name, hint in field_types(cls).items():
        keys.append(_join(path, name))
        for inner in nested_settings(hint):
            keys.extend(known_keys(inner, _join(path, name)))
    return list(dict.fromkeys(keys))


def nested_settings(hint: Any) -> tuple[type, ...]:
    """The settings classes inside a field's type: itself, the elements of a tuple, a mapping's values, an option, or
    all that a union may be."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return (hint,)
    return tuple(inner for argument in typing.get_args(hint) for inner in nested_settings(argument))


def tag_of(cls: type) -> tuple[str, str] | None:
    """Name and value of the field by which a table says that it is of this class of a union; None without one."""
    name, hint = next(iter(field_types(cls).items()), ("", None))
    choices = typing.get_args(hint)
    return (name, choices[0]) if typing.get_origin(hint) is Literal and len(choices) == 1 else None


def type_name(hint: Any) -> str:
    """What a field's type is called in messages and documentation."""
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "nothing"}
    if hint in names:
        return names[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " or ".join(json.dumps(choice) for choice in arguments)
    if origin in (typing.Union, types.UnionType):
        named = [type_name(argument) for argument in arguments if argument is not type(None)]
        return " or ".join(dict.fromkeys(named))  # settings classes are all tables
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is ...:
            return f"a list of {type_name(arguments[0])}"
        return f"a list of {len(arguments)} values ({', '.join(type_name(argument) for argument in arguments)})"
    if _is_mapping(origin):
        return f"a table of name = {type_name(arguments[1])}"
    return "a table"


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Field name → resolved type, for the fields that the constructor takes."""
    resolved = typing.get_type_hints(cls)
    return {f.name: resolved[f.name] for f in dataclasses.fields(_plain(cls)) if f.init}


def _plain(cls: Any) -> Any:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls!r} is no dataclass")
    return cls


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _convert(hint: Any, value: Any, path: str) -> Any:
    """`value` as the field type `hint` wants it, or a UsageError that names key, got and expected."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), _table(hint, value, path), path)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(hint, value, path)
    if origin is Literal:
        return _convert_choice(hint, value, path)
    if origin is tuple:
        return _convert_list(hint, value, path)
    if _is_mapping(origin):
        table = _table(hint, value, path)
        return {key: _convert(arguments[1], inner, _join(path, key)) for key, inner in table.items()}
    return _convert_scalar(hint, value, path)


def _convert_scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is float and value in ("inf", "-inf"):  # JSON, where resolved recipes are kept, has no infinities
        return float(value)
    if hint is float and type(value) in (int, float):
        if math.isnan(value):
            raise UsageError(f"{path}: got nan, expected a number")
        return float(value)
    if type(value) is not hint:  # `type`, because true is an int in Python and none in a recipe
        raise UsageError(f"{path}: {_got(value)}, expected {type_name(hint)}")
    return value


def _convert_choice(hint: Any, value: Any, path: str) -> Any:
    for choice in typing.get_args(hint):
        if type(choice) is type(value) and choice == value:
            return choice
    near = difflib.get_close_matches(str(value), [str(choice) for choice in typing.get_args(hint)], n=1)
    hint_text = f" (did you mean {near[0]!r}?)" if near else ""
    raise UsageError(f"{path}: {_got(value)}, expected {type_name(hint)}{hint_text}")


def _convert_union(hint: Any, value: Any, path: str) -> Any:
    choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
    if value is None and len(choices) < len(typing.get_args(hint)):
        return None
    if len(choices) == 1:
        return _convert(choices[0], value, path)
    if all(dataclasses.is_dataclass(choice) for choice in choices):
        return _convert_tagged(choices, _table(hint, value, path), path)
    for choice in choices:
        try:
            return _convert(choice, value, path)
        except UsageError:
            continue
    raise UsageError(f"{path}: {_got(value)}, expected {type_name(hint)}")


def _convert_tagged(classes: list[Any], table: Mapping[str, Any], path: str) -> Any:
    """Settings of the class whose tag the table has."""
    tags = [tag for tag in map(tag_of, classes) if tag is not None]
    name = tags[0][0]
    known = dict(zip([value for _, value in tags], classes, strict=True))
    chosen = _convert_choice(Literal[tuple(known)], table.get(name, tags[0][1]), _join(path, name))
    return from_dict(known[chosen], table, path)


def _convert_list(hint: Any, value: Any, path: str) -> tuple[Any, ...]:
    arguments = typing.get_args(hint)
    repeated = len(arguments) == 2 and arguments[1] is ...
    if repeated and isinstance(value, Mapping) and dataclasses.is_dataclass(arguments[0]):
        return (_convert(arguments[0], value, path),)
    if not isinstance(value, list | tuple):
        raise UsageError(f"{path}: {_got(value)}, expected {type_name(hint)}")
    if not repeated and len(value) != len(arguments):
        raise UsageError(f"{path}: got {len(value)} values, expected {type_name(hint)}")
    hints = [arguments[0]] * len(value) if repeated else list(arguments)
    return tuple(_convert(h, v, f"{path}.{i}") for i, (h, v) in enumerate(zip(hints, value, strict=True)))


def _table(hint: Any, value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: {_got(value)}, expected {type_name(hint)}")
    return value


def _got(value: Any) -> str:
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list"}
    shown = json.dumps(value, default=str, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return f"got {shown} ({kinds.get(type(value), 'a table' if isinstance(value, Mapping) else type(value).__name__)})"


def _unknown_key(cls: type, path: str, key: str) -> str:
    full = _join(path, key)
    here = list(field_types(cls))
    near = difflib.get_close_matches(key, here, n=1, cutoff=0.6)
    if near:
        return f"{full}: unknown key; did you mean {_join(path, near[0])}?"
    deeper = [name for name in known_keys(cls, path) if name.rsplit(".", 1)[-1] == key]
    if deeper:
        return f"{full}: unknown key; did you mean {deeper[0]}?"
    return f"{full}: unknown key; known are {', '.join(here)}"


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


def _plain_value(value: Any, hint: Any) -> Any:
    """`value` of a field of type `hint`; a whole number where a float is meant becomes one, so that one setting has
    one spelling."""
    if isinstance(value, list | tuple) and typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(choice for choice in typing.get_args(hint) if typing.get_origin(choice) is tuple)
    arguments = typing.get_args(hint)
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain_value(inner, arguments[-1]) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        hints = arguments if len(arguments) == len(value) and ... not in arguments else arguments[:1] * len(value)
        return [_plain_value(inner, inner_hint) for inner, inner_hint in zip(value, hints, strict=True)]
    is_float = hint is float or (float in arguments and int not in arguments)
    if is_float and type(value) is int:
        return float(value)
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        for key, inner in values.items():
            yield from _leaves(inner, _join(path, str(key)))
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


def _toml_text(text: str) -> str:
    """A basic string; JSON's escapes are TOML's, except that TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
