"""Names of items as names of files."""

from __future__ import annotations

import pytest

from annotation.formats.names import is_safe, one_file_each, stem
from million_ird.errors import UsageError


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/b.jpg", "a/b"), ("a.JPEG", "a"), ("v1.2", "v1.2"), (".png", ".png"), ("a/.png", "a/.png"), ("a.b.tif", "a.b")],
)
def test_only_the_suffix_of_a_picture_goes(name: str, expected: str) -> None:
    assert stem(name) == expected


@pytest.mark.parametrize("name", ["a", "a/b.c", "ä b/ü", "s01/00", "~a", "-"])
def test_ordinary_names_are_safe(name: str) -> None:
    assert is_safe(name)


@pytest.mark.parametrize(
    "name", ["", "..", "../a", "a/../b", "/a", "a//b", "a/", ".", "a\\b", "c:", "a\nb", "a\x00", "a.", "a ", "x" * 300]
)
def test_names_that_leave_the_folder_or_that_no_file_can_have(name: str) -> None:
    assert not is_safe(name)


def test_files_that_differ_collide_nowhere() -> None:
    one_file_each(["a", "b", "c"], ["a.png", "b/a.png", "b/c.png"])


@pytest.mark.parametrize(
    "paths", [["x.png", "x.png"], ["x.png", "X.PNG"], ["x", "x/y.png"], ["x/y/z.png", "x/y"]], ids=str
)
def test_a_collision_names_both_items(paths: list[str]) -> None:
    with pytest.raises(UsageError, match=r"'(one|two)' and '(one|two)' would both be written to "):
        one_file_each(["one", "two"], paths)
