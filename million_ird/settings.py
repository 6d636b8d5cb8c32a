"""From plain values to frozen, typed settings, and back.

A settings class is a frozen dataclass that lives beside the code it steers; the string literal under each field is
the field's documentation (unit, range, source of the default). This module turns plain values (as `tomllib` gives
them) into such objects, says exactly what is wrong where one does not fit, and gives them back as plain values with
one spelling only. `million_ird.settings_fields` asks a class what it holds, `million_ird.plain_values` writes and
compares plain values whatever they mean.

Understood field types: bool, int, float, str, Literal, `X | None`, tuple[X, ...], tuple[X, Y], Mapping[str, X] or
dict[str, X], other settings classes and unions of them. A field of type `tuple[SomeSettings, ...]` accepts one table
(`[manifest]`) as well as an array of tables (`[[manifest]]`). Of a union of settings classes each begins with a field
of one Literal only, the tag, by which a table says which of them it is; without it, it is the first.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from million_ird.errors import UsageError
from million_ird.plain_values import joined
from million_ird.settings_fields import field_types, is_mapping, known_keys, required_fields, tag_of, type_name

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
    missing = [name for name in required_fields(typing.cast(type, cls)) if name not in values]
    if missing:
        raise UsageError(f"{joined(path, missing[0])}: must be given")
    converted = {key: _convert(hints[key], value, joined(path, key)) for key, value in values.items()}
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
    if is_mapping(origin):
        table = _table(hint, value, path)
        return {key: _convert(arguments[1], inner, joined(path, key)) for key, inner in table.items()}
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
    chosen = _convert_choice(Literal[tuple(known)], table.get(name, tags[0][1]), joined(path, name))
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
    full = joined(path, key)
    here = list(field_types(cls))
    near = difflib.get_close_matches(key, here, n=1, cutoff=0.6)
    if near:
        return f"{full}: unknown key; did you mean {joined(path, near[0])}?"
    deeper = [name for name in known_keys(cls, path) if name.rsplit(".", 1)[-1] == key]
    if deeper:
        return f"{full}: unknown key; did you mean {deeper[0]}?"
    return f"{full}: unknown key; known are {', '.join(here)}"


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
