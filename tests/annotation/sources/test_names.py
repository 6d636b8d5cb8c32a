"""Names of items fit every file system and archive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.sources.names import item_names, safe_name


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("a.jpg", ("a", "a.jpg")),
        ("x/y.z/b.tar.png", ("x/y.z/b.tar", "x/y.z/b.tar.png")),
        ("plain", ("plain", "plain")),
        ("x/plain", ("x/plain", "x/plain")),
        (".png", (".png", ".png")),
        ('a<b>:"|?*\\.png', ("a_b_______", "a_b_______.png")),
        ("../../etc/passwd", ("etc/passwd", "etc/passwd")),
        ("e\u0301.png", ("\u00e9", "\u00e9.png")),
        (" .png", ("_", ".png")),
    ],
)
def test_a_files_two_names(path: str, names: tuple[str, str]) -> None:
    assert item_names(path) == names


def test_a_pair_is_called_by_what_its_files_have_in_common() -> None:
    assert item_names("s01/00/00_blur.png", "00") == ("s01/00/00", "s01/00/00_blur.png")


@given(st.text(max_size=400))
def test_every_text_becomes_a_harmless_name(text: str) -> None:
    name = safe_name(text)
    parts = name.split("/")
    assert all(part not in ("", ".", "..") and len(part.encode()) <= 240 for part in parts)
    assert not set(name) & set('<>:"|?*\\\0\n\r\t')
    assert all(part == part.strip(" ").rstrip(".") for part in parts)
    assert safe_name(name) == name
