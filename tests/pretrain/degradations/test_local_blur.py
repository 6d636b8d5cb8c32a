"""Local motion blur around a crop, with its exact mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.local_blur import LocalBlurSettings, blur_locally
from million_ird.patches import Box
from pretrain.degradations import LocalBlur
from tests.pretrain.degradations.crops import cut, degrade_crop
from tests.pretrain.picture_files import picture

CLEAN = picture("moving", 120, 150)
BOX = Box(40, 30, 64, 64)


def test_it_is_the_blur_of_the_region_cut_out() -> None:
    kind = LocalBlur()
    region = kind.region(BOX, 150, 120)
    made = degrade_crop(kind, CLEAN, BOX, seed=5)
    whole = blur_locally(np.ascontiguousarray(cut(CLEAN, region)), np.random.default_rng(5), kind.settings)
    inner = Box(BOX.x - region.x, BOX.y - region.y, 64, 64)
    np.testing.assert_array_equal(made.input, cut(whole.blurred, inner))
    np.testing.assert_array_equal(made.target, cut(whole.sharp, inner))
    np.testing.assert_array_equal(made.mask, whole.mask[inner.y : inner.y + 64, inner.x : inner.x + 64])


def test_most_crops_show_blur_and_the_rest_of_them_is_as_sharp_as_before() -> None:
    shares = []
    for seed in range(12):
        made = degrade_crop(LocalBlur(), CLEAN, BOX, seed)
        assert made.mask is not None and made.mask.dtype == np.bool_
        shares.append(made.mask.mean())
        outside = np.abs(made.input.astype(int) - made.target)[~made.mask]
        assert np.mean(outside) < 0.25
        assert (made.input[made.mask] != made.target[made.mask]).any() or not made.mask.any()
    assert np.mean(np.array(shares) > 0) > 0.7
    assert 0.02 < np.mean(shares) < 0.5


def test_what_distinguishes_two_frames_besides_is_a_setting() -> None:
    made = degrade_crop(LocalBlur(LocalBlurSettings(noise=(4.0, 4.0))), CLEAN, BOX)
    assert made.mask is not None
    assert np.std(made.input.astype(float) - made.target) > 3


@settings(deadline=None)
@given(st.data(), st.integers(32, 90), st.integers(32, 90))
def test_the_region_stays_in_the_picture_and_holds_the_crop(data: st.DataObject, width: int, height: int) -> None:
    side = data.draw(st.integers(1, min(width, height)))
    box = Box(data.draw(st.integers(0, width - side)), data.draw(st.integers(0, height - side)), side, side)
    region = LocalBlur().region(box, width, height)
    assert 0 <= region.x <= box.x and box.x + side <= region.x + region.width <= width
    assert 0 <= region.y <= box.y and box.y + side <= region.y + region.height <= height
    assert min(region.width, region.height) >= 32


def test_the_region_is_as_large_at_an_edge_as_elsewhere() -> None:
    inside, corner = (LocalBlur().region(Box(x, x, 256, 256), 4000, 3000) for x in (500, 0))
    assert (inside.width, inside.height) == (corner.width, corner.height)
    assert 1.2 * 256 < inside.width < 1.3 * 256
    assert (corner.x, corner.y) == (0, 0)


def test_longer_trails_need_a_wider_margin_up_to_twice_the_crop() -> None:
    widths = [
        LocalBlur(LocalBlurSettings(trail=(0.01, trail))).region(Box(500, 500, 100, 100), 2000, 2000).width
        for trail in (0.02, 0.1, 0.3, 2.0)
    ]
    assert widths == sorted(widths)
    assert widths[-1] == 200


def test_the_margin_is_as_wide_as_objects_move() -> None:
    kind = LocalBlur()
    margin = (kind.region(Box(500, 500, 256, 256), 4000, 4000).width - 256) // 2
    settings = kind.settings
    side = 256 + 2 * margin
    assert margin >= settings.trail[1] * side / 2 + 0.5 * settings.size[1] * side * np.radians(settings.turn / 2)


def test_a_picture_too_small_to_blur_is_refused() -> None:
    with pytest.raises(UsageError, match="32 pixels or more"):
        degrade_crop(LocalBlur(), picture("tiny", 20, 40), Box(0, 0, 16, 16))
