"""Tables that may be settings of several classes: which one it is, they say by a tag."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from million_ird import plain_values, settings, settings_fields
from million_ird.errors import UsageError
from million_ird.settings_reference import reference


@dataclass(frozen=True)
class Wheel:
    """Has a number."""

    kind: Literal["wheel"] = field(default="wheel", kw_only=True)
    """Of the part: a wheel."""
    spokes: int = 28
    """How many spokes."""


@dataclass(frozen=True)
class Frame:
    """Has a list and a check."""

    kind: Literal["frame"] = field(default="frame", kw_only=True)
    """Of the part: a frame."""
    tubes: tuple[float, ...] = (1.0, 0.5)
    """How long they are, in metres."""

    def __post_init__(self) -> None:
        if not self.tubes:
            raise UsageError("tubes: at least one is needed")


@dataclass(frozen=True)
class Boxed:
    """Has a union in it."""

    kind: Literal["boxed"] = field(default="boxed", kw_only=True)
    """Of the part: one in a box."""
    inner: Frame | Wheel = field(default_factory=Frame)
    """What is in the box."""
    spokes: Literal["none"] = "none"
    """Another type than a wheel's."""


@dataclass(frozen=True)
class Bicycle:
    """A recipe."""

    name: str = ""
    """What it is called."""
    part: Wheel | Frame | Boxed = field(default_factory=Wheel)
    """What it is of."""
    spare: Wheel | Frame | None = None
    """What else comes along."""
    parts: tuple[Wheel | Frame, ...] = ()
    """More of it."""


def read(values: dict[str, Any]) -> Bicycle:
    return settings.from_dict(Bicycle, values)


def complaint(values: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        read(values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({}, Wheel()),
        ({"spokes": 36}, Wheel(36)),
        ({"kind": "wheel", "spokes": 36}, Wheel(36)),
        ({"tubes": [2], "kind": "frame"}, Frame((2.0,))),
        ({"kind": "boxed"}, Boxed()),
        ({"kind": "boxed", "inner": {"tubes": [3]}}, Boxed(Frame((3.0,)))),
        ({"kind": "boxed", "inner": {"kind": "wheel"}}, Boxed(Wheel())),
    ],
)
def test_the_tag_chooses_the_class_and_without_one_it_is_the_first(part: dict[str, Any], expected: object) -> None:
    assert read({"part": part}).part == expected


def test_a_union_may_be_an_option_and_an_element() -> None:
    found = read({"spare": {"kind": "frame"}, "parts": [{}, {"kind": "frame", "tubes": [1]}]})
    assert found.spare == Frame() and found.parts == (Wheel(), Frame((1.0,)))
    assert read({}).spare is None and read({}).part == Wheel()


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"part": {"kind": "whel"}}, ['part.kind: got "whel" (text)', '"wheel" or "frame" or "boxed"', "'wheel'?"]),
        ({"part": {"kind": 3}}, ["part.kind: got 3 (a whole number)"]),
        ({"part": {"kind": ["wheel"]}}, ["part.kind: got", "a list"]),
        ({"part": {"kind": True}}, ["part.kind: got true"]),
        ({"part": {"kind": "frame", "spokes": 3}}, ["part.spokes: unknown key; known are kind, tubes"]),
        ({"part": {"kind": "frame", "tube": [3]}}, ["part.tube: unknown key; did you mean part.tubes?"]),
        ({"part": {"kind": "frame", "tubes": "long"}}, ['part.tubes: got "long" (text), expected a list of a number']),
        ({"part": {"kind": "frame", "tubes": []}}, ["part: tubes: at least one"]),
        ({"part": {"kind": "boxed", "inner": {"kind": "boxed"}}}, ['part.inner.kind: got "boxed"']),
        ({"part": {"kind": "boxed", "inner": {"spokes": 2}}}, ["part.inner.spokes: unknown key"]),
        ({"part": 3}, ["part: got 3 (a whole number), expected a table"]),
        ({"part": []}, ["part: got [] (a list), expected a table"]),
        ({"spokes": 3}, ["spokes: unknown key; did you mean part.spokes?"]),
        ({"tubes": 3}, ["tubes: unknown key; did you mean part.tubes?"]),
    ],
)
def test_what_does_not_fit_is_named_with_the_keys_of_the_class_that_was_chosen(
    values: dict[str, Any], parts: list[str]
) -> None:
    text = complaint(values)
    assert all(part in text for part in parts), text
    assert "a table or a table" not in text


def test_it_goes_through_plain_values_and_toml_with_its_tag() -> None:
    recipe = Bicycle("x", Boxed(Wheel(3)), Frame((2,)))
    plain = settings.to_dict(recipe)
    assert plain["part"] == {"kind": "boxed", "inner": {"kind": "wheel", "spokes": 3}, "spokes": "none"}
    assert plain["spare"] == {"kind": "frame", "tubes": [2.0]}, "one spelling of a number"
    assert settings.from_dict(Bicycle, plain) == recipe
    text = plain_values.to_toml(plain)
    assert "[part.inner]" in text and settings.from_dict(Bicycle, tomllib.loads(text)) == recipe
    assert plain_values.differences(plain, settings.to_dict(Bicycle("x", Boxed(Wheel(4)), Frame((2,))))) == [
        "part.inner.spokes: 3 → 4"
    ]


def test_overrides_set_the_tag_the_keys_and_the_whole_table() -> None:
    def changed(*overrides: str, **values: Any) -> object:
        return read(plain_values.apply_overrides(values, overrides)).part

    assert changed("part.kind=frame") == Frame()
    assert changed("part.tubes=[4]", "part.kind=frame") == Frame((4.0,))
    assert changed("part={kind = 'boxed', inner = {kind = 'wheel', spokes = 1}}") == Boxed(Wheel(1))
    assert changed("part.kind=boxed", "part.inner.kind=wheel", "part.inner.spokes=2") == Boxed(Wheel(2))
    with pytest.raises(UsageError, match=r"part\.spokes: unknown key; known are kind, tubes"):
        changed("part.kind=frame", part={"spokes": 2})


def test_keys_of_all_classes_are_known_once() -> None:
    known = settings_fields.known_keys(Bicycle)
    assert [key for key in known if key.startswith("part.")] == [
        *("part.kind", "part.spokes", "part.tubes"),
        *("part.inner", "part.inner.kind", "part.inner.tubes", "part.inner.spokes"),
    ]
    assert settings_fields.nested_settings(Wheel | Frame | None) == (Wheel, Frame)
    assert settings_fields.tag_of(Frame) == ("kind", "frame")
    assert settings_fields.tag_of(Bicycle) is None


def test_the_reference_has_a_section_for_each_class() -> None:
    text = reference(Bicycle, "# All", 3, lambda name: "")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# All",
        '### `[part]` with kind = "wheel"',
        '### `[part]` with kind = "frame"',
        '### `[part]` with kind = "boxed"',
        '#### `[part.inner]` with kind = "frame"',
        '#### `[part.inner]` with kind = "wheel"',
        *(f'### `[{name}]` with kind = "{kind}"' for name in ("spare", "parts") for kind in ("wheel", "frame")),
    ]
    assert text.count("What it is of.") == 1, "said of the section, before the first"
    assert '- **`spokes`** = `"none"`, "none". Another type than a wheel\'s.' in text
