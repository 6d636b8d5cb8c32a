from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from annotation.exposure import Exposure, match_exposure

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]


def test_each_channel_has_its_own_gain_and_offset(wheel_photo: Photo) -> None:
    sharp = wheel_photo("coffee")
    wanted = Exposure((0.9, 1.0, 0.8), (5.0, -3.0, 10.0))
    blurred = np.clip(np.rint(wanted.apply(sharp)), 0, 255).astype(np.uint8)
    found = match_exposure(blurred, sharp)
    assert found.gains == pytest.approx(wanted.gains, abs=0.02)
    assert found.offsets == pytest.approx(wanted.offsets, abs=1.5)


def test_a_third_of_the_picture_that_changed_does_not_count(wheel_photo: Photo) -> None:
    sharp = wheel_photo("coffee")
    blurred = np.clip(np.rint(sharp * 0.85), 0, 255).astype(np.uint8)
    blurred[: blurred.shape[0] // 3] = 230
    assert match_exposure(blurred, sharp).gain == pytest.approx(0.85, abs=0.03)


def test_an_even_picture_says_nothing_about_gain() -> None:
    sharp, blurred = (np.full((60, 80, 3), value, np.uint8) for value in (100, 110))
    found = match_exposure(blurred, sharp)
    assert found.gains == pytest.approx((1, 1, 1))
    assert found.apply(sharp) == pytest.approx(110, abs=0.1)


@pytest.mark.parametrize("value", [0, 255])
def test_clipped_pictures_are_left_alone(value: int) -> None:
    frame = np.full((60, 80, 3), value, np.uint8)
    assert match_exposure(frame, frame) == Exposure.same()
