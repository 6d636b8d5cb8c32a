from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from million_ird import settings
from million_ird.errors import UsageError


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
    text = settings.to_toml(settings.to_dict(recipe))
    assert settings.from_dict(Recipe, tomllib.loads(text)) == recipe
    assert settings.to_toml(settings.to_dict(settings.from_dict(Recipe, tomllib.loads(text)))) == text


@given(st.text(), st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.text(min_size=1))
def test_any_scalar_survives_toml(text: str, number: float, whole: int, key: str) -> None:
    if any(0xD800 <= ord(c) < 0xE000 for c in text + key):
        return
    values = {"t": text, "f": number, "i": whole, "list": [whole], "table": {key: text, "inner": {key: number}}}
    if key == "inner":
        return
    assert tomllib.loads(settings.to_toml(values)) == values


def test_one_setting_has_one_spelling() -> None:
    plain = settings.to_dict(Recipe(screens={"niqe": Interval(1, math.inf)}, patches=Patches(max_flat_fraction=1)))
    assert repr(plain["screens"]) == "{'niqe': {'low': 1.0, 'high': 'inf'}}"
    assert repr(plain["patches"]["max_flat_fraction"]) == "1.0"
    assert settings.to_dict(settings.from_dict(Recipe, plain)) == plain


def test_none_is_left_out_of_toml() -> None:
    assert settings.to_toml({"a": None, "b": 1, "t": {"low": None}}) == "b = 1\n\n[t]\n"


@pytest.mark.parametrize(
    ("text", "keys", "value"),
    [
        ("a.b=8", ["a", "b"], 8),
        ("a.b = 0.5", ["a", "b"], 0.5),
        ("a=true", ["a"], True),
        ('a="8"', ["a"], "8"),
        ("a=/data/list of urls.csv", ["a"], "/data/list of urls.csv"),
        ("a=s3://b/c?x=1", ["a"], "s3://b/c?x=1"),
        ("a=[1, 2]", ["a"], [1, 2]),
        ("a={low = 1.0}", ["a"], {"low": 1.0}),
        ("a=", ["a"], ""),
    ],
)
def test_an_override_is_read_as_toml_else_as_text(text: str, keys: list[str], value: Any) -> None:
    assert settings.parse_override(text) == (keys, value)


@pytest.mark.parametrize("text", ["a", "=1", "a..b=1", ".a=1"])
def test_an_override_that_cannot_be_split_says_how_it_should_look(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected section\.key=value"):
        settings.parse_override(text)


def test_overrides_make_sections_and_reach_into_the_only_or_the_numbered_table() -> None:
    values = {"manifest": [{"path": "a"}]}
    changed = settings.apply_overrides(values, ["manifest.path=b", "patches.size=64", "patches.size=32"])
    assert changed == {"manifest": [{"path": "b"}], "patches": {"size": 32}}
    assert values == {"manifest": [{"path": "a"}]}
    two = {"manifest": [{"path": "a"}, {"path": "b"}]}
    assert settings.apply_overrides(two, ["manifest.1.path=c"])["manifest"][1] == {"path": "c"}
    with pytest.raises(UsageError, match=r"manifest has 2 entries; name one by number"):
        settings.apply_overrides(two, ["manifest.path=c"])
    with pytest.raises(UsageError, match=r"has only 2 entries"):
        settings.apply_overrides(two, ["manifest.7.path=c"])
    with pytest.raises(UsageError, match="a is no table"):
        settings.apply_overrides({"a": 1}, ["a.b=1"])


def test_overrides_do_not_mind_values_that_only_toml_has() -> None:
    when = tomllib.loads("when = 2024-05-06")
    assert settings.apply_overrides(when, ["a=1"]) == {**when, "a": 1}


def test_differences_name_each_changed_leaf() -> None:
    old = {"patches": {"size": 512, "margin": 0}, "screens": {"a": {"low": 1.0}}, "manifest": [{"path": "x"}]}
    new = {"patches": {"size": 256, "margin": 0}, "screens": {"b": {"low": None}}, "manifest": [{"path": "y"}]}
    assert settings.differences(old, new) == [
        'manifest.path: "x" → "y"',
        "patches.size: 512 → 256",
        "screens.a.low: 1.0 → (not set)",
    ]
    assert settings.differences(old, old) == []


def test_field_docs_are_the_literals_under_the_fields() -> None:
    docs = settings.field_docs(Patches)
    assert docs == {
        "size": "Side of a patch in pixels. Default: the paper's.",
        "max_flat_fraction": "Largest share of flat area that a patch may have.",
    }


def test_canonical_json_has_one_spelling() -> None:
    assert settings.canonical_json({"b": 1.0, "a": "é"}) == b'{"a":"\\u00e9","b":1.0}'
