"""Settings from plain values and back; what does not fit is named."""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from million_ird import settings
from million_ird.errors import UsageError
from million_ird.plain_values import to_toml
from million_ird.settings_fields import field_docs


@dataclass(frozen=True)
class Interval:
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Patches:
    size: int = 512
    """Side of a patch in pixels. Default: the paper's."""
    margin: int = 0
    max_flat_fraction: float = 0.5
    """Largest share of flat area
    that a patch may have."""
    huffman: Literal["optimised", "standard"] = "optimised"

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError(f"size must be positive, got {self.size}")


@dataclass(frozen=True)
class Manifest:
    path: str
    header: bool | Literal["auto"] = "auto"
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    name: str = "x"
    manifest: tuple[Manifest, ...] = ()
    patches: Patches = Patches()
    screens: Mapping[str, Interval] = field(default_factory=dict)
    window: tuple[int, int] = (8, 8)


def read(**values: Any) -> Recipe:
    return settings.from_dict(Recipe, values)


def complaint(**values: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read(**values)
    return str(caught.value)


def test_absent_keys_keep_their_defaults_and_nested_tables_become_settings() -> None:
    recipe = read(patches={"size": 256}, screens={"niqe": {"high": 7}}, manifest={"path": "a.csv"})
    assert recipe.patches == Patches(size=256)
    assert recipe.screens == {"niqe": Interval(None, 7.0)}
    assert recipe.manifest == (Manifest("a.csv"),)


def test_an_array_of_tables_becomes_a_tuple() -> None:
    assert [m.path for m in read(manifest=[{"path": "a"}, {"path": "b", "header": False}]).manifest] == ["a", "b"]


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"patches": {"szie": 1}}, ["patches.szie", "did you mean patches.size?"]),
        ({"size": 1}, ["size", "did you mean patches.size?"]),
        ({"zzz": 1}, ["zzz: unknown key; known are name, manifest, patches"]),
        ({"screens": {"niqe": {"hihg": 1}}}, ["screens.niqe.hihg", "screens.niqe.high"]),
        ({"manifest": [{"path": "a"}, {"path": "b", "headers": 1}]}, ["manifest.1.headers", "manifest.1.header"]),
        ({"patches": {"size": "512"}}, ['patches.size: got "512" (text), expected a whole number']),
        ({"patches": {"size": True}}, ["patches.size: got true (true or false), expected a whole number"]),
        ({"patches": {"size": 1.5}}, ["patches.size", "expected a whole number"]),
        ({"patches": {"max_flat_fraction": math.nan}}, ["patches.max_flat_fraction", "nan"]),
        ({"patches": {"huffman": "optimized"}}, ["patches.huffman", "did you mean 'optimised'"]),
        ({"patches": 3}, ["patches: got 3 (a whole number), expected a table"]),
        ({"patches": {"size": -1}}, ["patches: size must be positive, got -1"]),
        ({"window": [1]}, ["window: got 1 values, expected a list of 2 values"]),
        ({"window": [1, "a"]}, ["window.1"]),
        ({"manifest": {}}, ["manifest.path: must be given"]),
        ({"name": datetime.date(2024, 5, 6)}, ['name: got "2024-05-06" (date), expected text']),
        ({"manifest": {"path": "a", "header": "perhaps"}}, ["manifest.header", "true or false or", '"auto"']),
        ({"screens": [1]}, ["screens: got [1] (a list), expected a table of name = "]),
    ],
)
def test_a_wrong_value_is_named_with_its_full_path_and_what_was_expected(values: Any, parts: list[str]) -> None:
    text = complaint(**values)
    assert all(part in text for part in parts), text


def test_settings_survive_the_way_through_dict_and_toml() -> None:
    recipe = read(
        name='quote " backslash \\ tab \t newline \n é \x7f',
        manifest=[{"path": "a", "tags": ["x", "y"]}, {"path": "b", "header": True}],
        screens={"odd name": {"low": 0.1, "high": math.inf}, "b": {}},
    )
    text = to_toml(settings.to_dict(recipe))
    assert settings.from_dict(Recipe, tomllib.loads(text)) == recipe
    assert to_toml(settings.to_dict(settings.from_dict(Recipe, tomllib.loads(text)))) == text


def test_one_setting_has_one_spelling() -> None:
    plain = settings.to_dict(Recipe(screens={"niqe": Interval(1, math.inf)}, patches=Patches(max_flat_fraction=1)))
    assert repr(plain["screens"]) == "{'niqe': {'low': 1.0, 'high': 'inf'}}"
    assert repr(plain["patches"]["max_flat_fraction"]) == "1.0"
    assert settings.to_dict(settings.from_dict(Recipe, plain)) == plain


def test_field_docs_are_the_literals_under_the_fields() -> None:
    docs = field_docs(Patches)
    assert docs == {
        "size": "Side of a patch in pixels. Default: the paper's.",
        "max_flat_fraction": "Largest share of flat area that a patch may have.",
    }
