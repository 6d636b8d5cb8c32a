"""Holes and specks, against a flood fill in plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.check.regions import Region, holes, specks
from annotation.mask import Mask


def _components(mask: Mask, diagonal: bool) -> list[set[tuple[int, int]]]:
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    found = []
    while left:
        queue = [left.pop()]
        region = set(queue)
        while queue:
            y, x = queue.pop()
            near = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if diagonal or 0 in (dy, dx)]
            new = left.intersection(near)
            left -= new
            region |= new
            queue += new
        found.append(region)
    return sorted(found, key=len, reverse=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 24), st.integers(2, 24), st.floats(0.1, 0.9), st.floats(0.001, 0.3))
def test_areas_are_those_of_a_flood_fill(seed: int, height: int, width: int, density: float, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < density
    small = [len(region) for region in _components(mask, True)[1:] if len(region) < share * mask.size]
    assert [region.area for region in specks(mask, share)] == small
    inner = [
        region
        for region in _components(~mask, False)
        if not any(y in (0, height - 1) or x in (0, width - 1) for y, x in region)
    ]
    assert [region.area for region in holes(mask, share)] == [
        len(region) for region in inner if len(region) < share * mask.size
    ]


def test_one_small_region_alone_is_no_speck() -> None:
    mask = np.zeros((100, 100), bool)
    mask[5, 5] = True
    assert not specks(mask, 0.01)
    mask[40:60, 40:60] = True
    assert specks(mask, 0.01) == [Region(1, 5, 5)]


def test_what_is_open_to_the_border_is_no_hole() -> None:
    mask = np.zeros((20, 20), bool)
    mask[0:5, 0:5] = True
    mask[0:3, 2] = False  # a notch in the picture's border
    mask[3, 3] = False
    assert holes(mask, 0.1) == [Region(1, 3, 3)]
