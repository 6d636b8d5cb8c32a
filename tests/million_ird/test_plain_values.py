"""Plain values as text, changed by overrides, compared."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.plain_values import apply_overrides, canonical_json, differences, parse_override, to_toml


@given(st.text(), st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.text(min_size=1))
def test_any_scalar_survives_toml(text: str, number: float, whole: int, key: str) -> None:
    if any(0xD800 <= ord(c) < 0xE000 for c in text + key):
        return
    values = {"t": text, "f": number, "i": whole, "list": [whole], "table": {key: text, "inner": {key: number}}}
    if key == "inner":
        return
    assert tomllib.loads(to_toml(values)) == values


def test_none_is_left_out_of_toml() -> None:
    assert to_toml({"a": None, "b": 1, "t": {"low": None}}) == "b = 1\n\n[t]\n"


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
    assert parse_override(text) == (keys, value)


@pytest.mark.parametrize("text", ["a", "=1", "a..b=1", ".a=1"])
def test_an_override_that_cannot_be_split_says_how_it_should_look(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected section\.key=value"):
        parse_override(text)


def test_overrides_make_sections_and_reach_into_the_only_or_the_numbered_table() -> None:
    values = {"manifest": [{"path": "a"}]}
    changed = apply_overrides(values, ["manifest.path=b", "patches.size=64", "patches.size=32"])
    assert changed == {"manifest": [{"path": "b"}], "patches": {"size": 32}}
    assert values == {"manifest": [{"path": "a"}]}
    two = {"manifest": [{"path": "a"}, {"path": "b"}]}
    assert apply_overrides(two, ["manifest.1.path=c"])["manifest"][1] == {"path": "c"}
    with pytest.raises(UsageError, match=r"manifest has 2 entries; name one by number"):
        apply_overrides(two, ["manifest.path=c"])
    with pytest.raises(UsageError, match=r"has only 2 entries"):
        apply_overrides(two, ["manifest.7.path=c"])
    with pytest.raises(UsageError, match="a is no table"):
        apply_overrides({"a": 1}, ["a.b=1"])


def test_overrides_do_not_mind_values_that_only_toml_has() -> None:
    when = tomllib.loads("when = 2024-05-06")
    assert apply_overrides(when, ["a=1"]) == {**when, "a": 1}


def test_differences_name_each_changed_leaf() -> None:
    old = {"patches": {"size": 512, "margin": 0}, "screens": {"a": {"low": 1.0}}, "manifest": [{"path": "x"}]}
    new = {"patches": {"size": 256, "margin": 0}, "screens": {"b": {"low": None}}, "manifest": [{"path": "y"}]}
    assert differences(old, new) == [
        'manifest.path: "x" → "y"',
        "patches.size: 512 → 256",
        "screens.a.low: 1.0 → (not set)",
    ]
    assert differences(old, old) == []


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": 1.0, "a": "é"}) == b'{"a":"\\u00e9","b":1.0}'
