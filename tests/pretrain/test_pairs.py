"""Pairing by names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pretrain.pairs import LeftOut, Rule, left_out_lines, pair_by_name


def _paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


@pytest.mark.parametrize(
    ("degraded", "clean", "rule"),
    [
        (["1.png", "2.png"], ["1.jpg", "2.jpg"], "same"),
        (["rain-001.png", "rain-2.png"], ["norain-001.png", "norain-002.png"], "rain"),
        (["norain-001x2.png"], ["norain-001.png"], "rain"),
        (["norain-001.png"], ["norain-001.png"], "same"),
        (["rain-7.png"], ["7.png"], "rain"),
        (["0001_0.8_0.2.jpg", "0001_0.95_0.04.jpg", "0002_1_0.2.jpg"], ["0001.png", "0002.png"], "haze"),
        (["1400_1.png", "1400_10.png"], ["1400.png"], "haze"),
    ],
)
def test_the_published_names_pair_by_themselves(degraded: Sequence[str], clean: Sequence[str], rule: Rule) -> None:
    pairing = pair_by_name(_paths(*degraded), _paths(*clean))
    assert pairing.rule == rule
    assert [pair.degraded.name for pair in pairing.pairs] == list(degraded)
    assert pairing.left_out == ()


def test_each_gets_its_own_partner() -> None:
    pairing = pair_by_name(_paths("rain-2.png", "rain-12.png"), _paths("norain-12.png", "norain-2.png"))
    assert [(p.degraded.stem, p.clean.stem) for p in pairing.pairs] == [
        ("rain-2", "norain-2"),
        ("rain-12", "norain-12"),
    ]


def test_numbered_names_are_not_taken_for_haze() -> None:
    pairing = pair_by_name(_paths("img_1.png", "img_2.png"), _paths("img_1.png"))
    assert [pair.degraded.name for pair in pairing.pairs] == ["img_1.png"]
    assert [left.path.name for left in pairing.left_out] == ["img_2.png"]


def test_files_without_a_partner_are_named_on_both_sides() -> None:
    pairing = pair_by_name(_paths("a.png", "b.png"), _paths("b.png", "c.png"))
    assert [(left.path.name, left.reason) for left in pairing.left_out] == [
        ("a.png", "no clean picture of that name"),
        ("c.png", "no degraded picture of that name"),
    ]


def test_two_clean_pictures_of_one_name_are_not_guessed_between() -> None:
    pairing = pair_by_name(_paths("a.png"), _paths("a.png", "a.jpg"))
    assert not pairing.pairs
    assert [left.reason for left in pairing.left_out] == ["2 clean pictures of that name"]


def test_a_rule_can_be_forced() -> None:
    names = _paths("1_2.png"), _paths("1.png", "1_2.png")
    assert pair_by_name(*names).pairs[0].clean.name == "1_2.png"
    assert pair_by_name(*names, rule="haze").pairs[0].clean.name == "1.png"


def test_files_left_out_are_named_a_few_of_each_reason() -> None:
    many = [LeftOut(Path(f"{n}.png"), "damaged") for n in range(9)] + [LeftOut(Path("x.png"), "small")]
    assert left_out_lines(many) == [
        "left out 9 (damaged): 0.png, 1.png, 2.png, 3.png, 4.png, …",
        "left out 1 (small): x.png",
    ]
