"""What settings classes say of themselves: their fields, the types and docstrings of these, and what a union tells
them apart by."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import json
import textwrap
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from million_ird.plain_values import joined


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Field name → resolved type, for the fields that the constructor takes."""
    resolved = typing.get_type_hints(cls)
    return {f.name: resolved[f.name] for f in dataclasses.fields(_dataclass(cls)) if f.init}


def required_fields(cls: type) -> list[str]:
    """Names of the fields that have no default."""
    missing = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(_dataclass(cls)) if f.init and f.default is f.default_factory is missing]


@cache
def field_docs(cls: type) -> dict[str, str]:
    """The string literal under each field of a settings class, whitespace joined; fields without one are absent. A
    field that a class inherits has the docstring of the class it inherits from."""
    docs: dict[str, str] = {}
    for owner in reversed([base for base in cls.__mro__ if dataclasses.is_dataclass(base)]):
        docs |= _own_docs(owner)
    return docs


def known_keys(cls: type, path: str = "") -> list[str]:
    """Every key path that a recipe of class `cls` knows, sections before their keys."""
    keys = []
    for name, hint in field_types(cls).items():
        keys.append(joined(path, name))
        for inner in nested_settings(hint):
            keys.extend(known_keys(inner, joined(path, name)))
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
    if is_mapping(origin):
        return f"a table of name = {type_name(arguments[1])}"
    return "a table"


def is_mapping(origin: Any) -> bool:
    """Whether a type without its arguments is that of a table of names."""
    return isinstance(origin, type) and issubclass(origin, Mapping)


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


def _dataclass(cls: Any) -> Any:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls!r} is no dataclass")
    return cls
