from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from million_ird.errors import UsageError
from million_ird.settings_reference import reference, rewrite


@dataclass(frozen=True)
class _Inner:
    """Inside."""

    depth: int = 3
    """How deep, in metres."""


@dataclass(frozen=True)
class _Outer:
    """Outside."""

    name: str
    """What it is called."""
    inner: _Inner = field(default_factory=_Inner)
    """What is in it."""


@dataclass(frozen=True)
class _Heir(_Outer):
    """With one more."""

    wide: bool = True
    """Whether it is wide."""


def test_settings_come_with_type_default_docstring_and_note_section_after_section() -> None:
    text = reference(_Outer, "# All", 3, lambda name: f", noted {name}" if name == "inner.depth" else "")
    assert text.splitlines() == [
        "# All",
        "",
        "- **`name`** must be given, text. What it is called.",
        "",
        "### `[inner]`",
        "",
        "What is in it.",
        "",
        "- **`depth`** = `3`, a whole number, noted inner.depth. How deep, in metres.",
        "",
    ]


def test_an_inherited_setting_has_the_docstring_of_the_class_it_is_from() -> None:
    text = reference(_Heir, "# All", 2, lambda name: "")
    assert "**`name`** must be given, text. What it is called." in text
    assert "**`wide`** = `true`, true or false. Whether it is wide." in text


def test_the_reference_is_rewritten_below_its_marker_only(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("mine\n<!-- begin -->\nold\n")
    rewrite(path, "<!-- begin -->", "new\n")
    assert path.read_text() == "mine\n<!-- begin -->\n\nnew\n"
    path.write_text("nothing")
    with pytest.raises(UsageError, match="has no line"):
        rewrite(path, "<!-- begin -->", "new\n")
