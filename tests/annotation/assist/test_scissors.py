"""The magnetic outline clings to edges, reaches what it says, and is one path of neighbouring pixels."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.assist.scissors import REACH, paths_from, region_of
from million_ird.errors import UsageError
from tests.annotation.app.live import Pixels, disc, scene


def _disc_picture(radius: int) -> Pixels:
    picture = np.where(disc(400, 300, (200, 150), radius)[:, :, None], (190, 150, 120), (70, 90, 110)).astype(np.uint8)
    noise = np.random.default_rng(1).normal(0, 5, picture.shape)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)


def test_it_follows_the_edge_of_a_disc() -> None:
    picture = _disc_picture(80)
    anchor, target = (120, 150), (200, 70)
    path = np.array(paths_from(picture, region_of(400, 300, anchor, target), anchor).to(target))
    distances = np.abs(np.hypot(path[:, 0] - 200, path[:, 1] - 150) - 80)
    assert np.percentile(distances, 90) <= 2
    assert len(path) > 80  # the straight line between the two has 81 pixels and leaves the edge by 23
    straight = np.hypot(np.linspace(120, 200, 81) - 200, np.linspace(150, 70, 81) - 150)
    assert np.abs(straight - 80).max() > 20


_POINTS = st.tuples(st.integers(0, 299), st.integers(0, 199))


@settings(max_examples=30, deadline=None)
@given(anchor=_POINTS, target=_POINTS, is_flat=st.booleans())
def test_a_path_is_neighbouring_pixels_from_anchor_to_target(
    anchor: tuple[int, int], target: tuple[int, int], is_flat: bool
) -> None:
    picture = np.full((200, 300, 3), 90, np.uint8) if is_flat else scene(300, 200, 3)
    path = paths_from(picture, region_of(300, 200, anchor, target), anchor).to(target)
    assert path[0] == anchor and path[-1] == target
    assert all(max(abs(x - u), abs(y - v)) == 1 for (x, y), (u, v) in itertools.pairwise(path))
    assert all(0 <= x < 300 and 0 <= y < 200 for x, y in path)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), width=st.integers(1, 6000), height=st.integers(1, 4000))
def test_a_region_holds_both_points_and_is_bounded(data: st.DataObject, width: int, height: int) -> None:
    points = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1))
    anchor, target = data.draw(points), data.draw(points)
    if max(abs(anchor[0] - target[0]), abs(anchor[1] - target[1])) > REACH:
        with pytest.raises(UsageError, match="set a point on the way"):
            region_of(width, height, anchor, target)
        return
    region = region_of(width, height, anchor, target)
    assert 0 < region.width <= 640 and 0 < region.height <= 640
    assert region.x >= 0 and region.y >= 0
    assert region.x + region.width <= width and region.y + region.height <= height
    for x, y in (anchor, target):
        assert region.x <= x < region.x + region.width and region.y <= y < region.y + region.height


def test_a_pointer_near_the_anchor_asks_for_no_new_region() -> None:
    anchor = (1000, 700)
    near = {region_of(2152, 1436, anchor, (x, y)) for x in range(830, 1170, 10) for y in range(530, 870, 10)}
    assert len(near) == 1
    far = {region_of(2152, 1436, anchor, (x, 700)) for x in range(1200, 1440)}
    assert len(far) <= 240 // 64 + 2


@pytest.mark.parametrize("point", [(-1, 0), (0, -1), (300, 0), (0, 200)])
def test_a_point_outside_is_one_line(point: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=r"lies outside the picture of 300x200 pixels"):
        region_of(300, 200, (5, 5), point)


def test_a_picture_of_one_pixel() -> None:
    picture = np.zeros((1, 1, 3), np.uint8)
    assert paths_from(picture, region_of(1, 1, (0, 0), (0, 0)), (0, 0)).to((0, 0)) == [(0, 0)]
