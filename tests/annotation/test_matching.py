"""From what a file calls an image to the item that it is."""

from __future__ import annotations

import unicodedata

import pytest

from annotation.matching import MatchError, Names

ITEMS = (
    ("s01/00", "s01/00_blur.png"),
    ("s01/01", "s01/01_blur.jpg"),
    ("beach", "beach.jpg"),
    ("beach.png", "beach.png"),
)


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("s01/00", "s01/00"),
        ("s01/00_blur.png", "s01/00"),
        ("s01/00_blur", "s01/00"),
        ("s01\\01_blur.jpg", "s01/01"),
        ("./S01/01", "s01/01"),
        ("beach", "beach"),
        ("beach.jpg", "beach"),
        ("beach.png", "beach.png"),
    ],
)
def test_names_of_items_come_before_those_of_their_pictures(name: str, item: str) -> None:
    assert Names(ITEMS).match([name]) == item


def test_the_surest_name_counts_and_the_next_one_only_if_it_fits_none() -> None:
    assert Names(ITEMS).match(["s01/00", "s01/01"]) == "s01/00"
    assert Names(ITEMS).match(["elsewhere/9", "s01/01"]) == "s01/01"


def test_composed_and_decomposed_letters_are_the_same() -> None:
    names = Names([("straße/Café", "straße/Café.jpg")])
    assert names.match([unicodedata.normalize("NFD", "STRASSE/café")]) == "straße/Café"


@pytest.mark.parametrize("name", ["00", "s02/00", "", "s01", "00_blur.png"])
def test_folders_count(name: str) -> None:
    with pytest.raises(MatchError, match="fits no item"):
        Names(ITEMS).match([name])


def test_folders_can_be_left_out_where_one_item_remains() -> None:
    names = Names(ITEMS, by_basename=True)
    assert names.match(["somewhere/00_blur.png"]) == "s01/00"
    assert names.match(["01"]) == "s01/01"
    twice = Names([*ITEMS, ("s02/00", "s02/00_blur.png")], by_basename=True)
    with pytest.raises(MatchError, match="may be s01/00 or s02/00"):
        twice.match(["00.png"])


def test_what_fits_several_fits_none() -> None:
    with pytest.raises(MatchError, match=r"may be a \(1\) or a \(2\)"):
        Names([("a (1)", "a.jpg"), ("a (2)", "a.png")]).match(["a"])
