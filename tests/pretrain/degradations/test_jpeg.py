"""JPEG of a crop is the crop of the JPEG."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from million_ird.errors import UsageError
from million_ird.patches import Box
from pretrain.corrupt import jpeg_round_trip
from pretrain.degradations import Jpeg
from tests.pretrain.degradations.crops import cut, degrade_crop, noise_picture
from tests.pretrain.picture_files import picture

Sampling = Literal["4:2:0", "4:2:2", "4:4:4"]
SAMPLINGS: tuple[Sampling, ...] = ("4:2:0", "4:2:2", "4:4:4")


@settings(deadline=None)
@given(
    st.data(),
    st.sampled_from(SAMPLINGS),
    st.sampled_from([1, 10, 40, 95, 100]),
    st.integers(1, 100),
    st.integers(1, 100),
    st.booleans(),
)
def test_a_crop_equals_the_whole_bit_for_bit(
    data: st.DataObject, sampling: Sampling, quality: int, width: int, height: int, soft: bool
) -> None:
    clean = picture("jpeg", height, width) if soft else noise_picture(width, height)
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = Box(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    made = degrade_crop(Jpeg(quality, sampling), clean, box)
    np.testing.assert_array_equal(made.input, cut(jpeg_round_trip(clean, quality, sampling), box))
    np.testing.assert_array_equal(made.target, cut(clean, box))
    assert made.mask is None


def test_the_blocks_are_those_of_the_picture_and_not_of_the_crop() -> None:
    clean = picture("blocks", 96, 96)
    box = Box(5, 3, 64, 64)
    made = degrade_crop(Jpeg(10), clean, box)
    aligned = jpeg_round_trip(np.ascontiguousarray(cut(clean, box)), 10, "4:2:0")
    assert (made.input != aligned).mean() > 0.3


def test_the_region_is_bounded() -> None:
    assert Jpeg(10).region(Box(1000, 1003, 288, 288), 9000, 9000) == Box(976, 976, 336, 336)
    assert Jpeg(10).region(Box(0, 0, 8, 8), 30, 20) == Box(0, 0, 30, 20)
    assert Jpeg(10).scale == 1


def test_a_lower_quality_is_worse() -> None:
    clean = picture("worse", 64, 64)
    errors = [
        float(
            np.mean(
                (degrade_crop(Jpeg(quality), clean, Box(8, 8, 40, 40)).input.astype(float) - clean[8:48, 8:48]) ** 2
            )
        )
        for quality in (10, 40, 90)
    ]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_that_is_none_is_refused(quality: int) -> None:
    with pytest.raises(UsageError, match="quality must be 1 to 100"):
        Jpeg(quality)
