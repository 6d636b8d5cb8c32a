"""The grid, the verdicts and the choice of patches."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.patches import GRID_STEP, Box, PatchSettings, choose, grid, judge
from million_ird.records import Rejection


def test_the_grid_goes_row_by_row_and_leaves_the_remainder() -> None:
    assert grid(1100, 1024, PatchSettings()) == [
        Box(0, 0, 512, 512),
        Box(512, 0, 512, 512),
        Box(0, 512, 512, 512),
        Box(512, 512, 512, 512),
    ]


def test_an_image_smaller_than_a_patch_has_none() -> None:
    assert grid(511, 4000, PatchSettings()) == []
    assert grid(512, 512, PatchSettings(margin=1)) == []
    assert len(grid(512, 512, PatchSettings())) == 1


def test_the_margin_is_rounded_up_to_mcu_borders() -> None:
    settings = PatchSettings(size=256, margin=1)
    assert settings.effective_margin == GRID_STEP
    assert PatchSettings(margin=64).effective_margin == 64
    boxes = grid(640, 400, settings)
    assert boxes[0] == Box(32, 32, 256, 256)
    assert boxes[-1] == Box(288, 32, 256, 256)


@given(
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
    size=st.integers(32, 700),
    margin=st.integers(0, 200),
)
def test_boxes_lie_inside_the_margin_and_never_overlap(width: int, height: int, size: int, margin: int) -> None:
    boxes = grid(width, height, PatchSettings(size=size, margin=margin))
    for box in boxes:
        assert margin <= box.x and box.x + box.width <= width - margin
        assert margin <= box.y and box.y + box.height <= height - margin
    for a, b in itertools.pairwise(sorted(boxes, key=lambda box: (box.y, box.x))):
        assert b.y >= a.y + size or (b.y == a.y and b.x >= a.x + size)


def test_flat_patches_are_rejected_with_what_was_measured() -> None:
    boxes = grid(1536, 512, PatchSettings())
    assert judge(boxes, [0.5, 0.501, 1.0], PatchSettings()) == [
        None,
        Rejection("cut", "flat", 0.501),
        Rejection("cut", "flat", 1.0),
    ]
    assert judge(boxes, [0.5, 0.501, 1.0], PatchSettings(max_flat_fraction=1.0)) == [None] * 3


def test_the_limit_counts_only_good_patches() -> None:
    settings = PatchSettings(max_per_image=2)
    boxes = grid(512 * 4, 512, settings)
    assert judge(boxes, [0.9, 0.1, 0.8, 0.2], settings)[1::2] == [None, None]
    verdicts = judge(boxes, [0.3, 0.1, 0.2, 0.2], settings)
    assert [v.reason if v else "" for v in verdicts] == ["over_limit", "", "over_limit", ""]
    assert verdicts[0] == Rejection("cut", "over_limit", 4.0, "at most 2")


def test_the_choice_starts_with_the_most_detail_and_then_spreads() -> None:
    boxes = grid(512 * 6, 512 * 4, PatchSettings())
    flat = [0.4] * len(boxes)
    flat[0] = 0.1
    assert choose(boxes, flat, range(len(boxes)), 1) == [0]
    assert choose(boxes, flat, range(len(boxes)), 2) == [0, 23]
    assert choose(boxes, flat, range(len(boxes)), 4) == [0, 4, 19, 23]


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=24), st.integers(1, 30))
def test_the_choice_is_a_sorted_subset_of_the_asked_size(flat: list[float], limit: int) -> None:
    boxes = grid(512 * 6, 512 * 4, PatchSettings())[: len(flat)]
    good = list(range(0, len(flat), 2))
    chosen = choose(boxes, flat, good, limit)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(good)
    assert len(chosen) == min(limit, len(good))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("size", 16),
        ("margin", -1),
        ("max_per_image", -1),
        ("flat_variance", -0.5),
        ("flat_variance", float("nan")),
        ("max_flat_fraction", 1.5),
        ("max_flat_fraction", float("nan")),
        ("huffman", "best"),
    ],
)
def test_impossible_settings_are_errors_that_name_themselves(setting: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"patches\.{setting}"):
        PatchSettings(**{setting: value})  # type: ignore[arg-type]
