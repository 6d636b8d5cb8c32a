"""A downscaled crop is the crop of the downscaled picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.patches import Box
from pretrain.degradations import Downscale
from pretrain.degradations.resize import SCALES, downscale
from tests.pretrain.degradations.crops import degrade_crop, noise_picture


@settings(deadline=None)
@given(st.data(), st.sampled_from(SCALES), st.integers(12, 60), st.integers(12, 60))
def test_a_crop_equals_the_whole_bit_for_bit(data: st.DataObject, scale: int, width: int, height: int) -> None:
    picture = noise_picture(width, height)
    x, y = (data.draw(st.integers(0, side // scale - 1)) for side in (width, height))
    w = data.draw(st.integers(1, width // scale - x))
    h = data.draw(st.integers(1, height // scale - y))
    box = Box(x * scale, y * scale, w * scale, h * scale)
    made = degrade_crop(Downscale(scale), picture, box)
    np.testing.assert_array_equal(made.input, downscale(picture, scale)[y : y + h, x : x + w])
    np.testing.assert_array_equal(made.target, picture[box.y : box.y + box.height, box.x : box.x + box.width])
    assert made.mask is None


@pytest.mark.parametrize("scale", SCALES)
def test_only_a_margin_is_needed(scale: int) -> None:
    box = Box(30 * scale, 40 * scale, 8 * scale, 8 * scale)
    region = Downscale(scale).region(box, 1000, 1000)
    assert region == Box(28 * scale, 38 * scale, 12 * scale, 12 * scale)


def test_what_is_no_multiple_is_cut_off_the_picture() -> None:
    assert Downscale(3).region(Box(0, 3, 9, 6), 11, 10) == Box(0, 0, 9, 9)


def test_boxes_off_the_phase_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="multiples of 3"):
        Downscale(3).region(Box(1, 0, 9, 9), 30, 30)


@pytest.mark.parametrize("scale", [0, 1, 5])
def test_other_scales_are_refused(scale: int) -> None:
    with pytest.raises(UsageError, match="scale"):
        Downscale(scale)
