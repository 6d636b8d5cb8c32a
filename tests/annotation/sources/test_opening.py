"""A place is looked at to tell what it is; options that do not belong to it are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotation.sources import open_source, reopen_source
from million_ird.errors import UsageError
from tests.annotation.picture_folders import write_pictures


@pytest.fixture
def places(tmp_path: Path) -> Path:
    write_pictures(tmp_path, "plain/a.png", "other/a.png", "tree/train/s01/00/00_blur.png")
    (tmp_path / "list.csv").write_text("path\nplain/a.png\n")
    return tmp_path


@pytest.mark.parametrize(("place", "kind"), [("plain", "folder"), ("tree", "relo_blur"), ("list.csv", "manifest")])
def test_a_place_says_what_it_is(places: Path, place: str, kind: str) -> None:
    source = open_source(str(places / place))
    assert source.kind == kind
    again = reopen_source(source.kind, source.place, source.options)
    assert list(again.candidates()) == list(source.candidates())


def test_what_a_place_is_can_be_said(places: Path) -> None:
    assert open_source(str(places / "tree"), "folder").kind == "folder"
    assert open_source(str(places / "tree"), sharp=str(places / "other")).kind == "folder"


@pytest.mark.parametrize(
    ("place", "options", "says"),
    [
        ("plain", {"root": "x"}, "--root belongs to a manifest"),
        ("list.csv", {"of": "images"}, "--of belongs to a dataset"),
        ("list.csv", {"kind": "manifest", "sharp": "x"}, "--sharp belongs to a folder"),
        ("none", {}, "there is no .*none: name a folder, a manifest or a built dataset"),
    ],
)
def test_options_that_do_not_belong_together_are_refused(
    places: Path, place: str, options: dict[str, str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        open_source(str(places / place), **options)  # type: ignore[arg-type]
