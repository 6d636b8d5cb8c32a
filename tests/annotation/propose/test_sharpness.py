from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from annotation.propose.sharpness import NAMES, single_evidence

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]


def measured(frame: Pixels) -> dict[str, npt.NDArray[np.float32]]:
    planes = single_evidence(frame)
    assert planes.shape == (*frame.shape[:2], len(NAMES))
    assert planes.dtype == np.float32
    assert np.isfinite(planes).all()
    return dict(zip(NAMES, np.moveaxis(planes, -1, 0), strict=True))


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_every_measure_notices_blur(wheel_photo: Photo) -> None:
    photo = wheel_photo("china")
    sharp, blurred = measured(photo), measured(np.asarray(cv2.GaussianBlur(photo, (0, 0), 3), np.uint8))
    falls = ("band 0 within 10", "band 0 over 1 within 10", "steepest edge within 31", "sharpness of it within 31")
    for name in (*falls, "patterns within 15"):
        assert blurred[name].mean() < sharp[name].mean() - 0.05, name
    assert blurred["changed by blurring"].mean() > sharp["changed by blurring"].mean() + 0.2
    assert blurred["singular values"].mean() > sharp["singular values"].mean() + 0.05


def test_a_movement_takes_detail_away_in_one_direction(wheel_photo: Photo) -> None:
    photo = wheel_photo("china")
    sharp, streaked = measured(photo), measured(np.asarray(cv2.blur(photo, (25, 1)), np.uint8))
    for name in ("weakest direction within 16", "weakest over strongest within 16"):
        assert streaked[name].mean() < sharp[name].mean() - 0.3, name


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_turning_the_picture_turns_the_measures(wheel_photo: Photo, turn: int) -> None:
    photo = wheel_photo("brick")[100:300, 100:300]
    for name, plane in measured(np.ascontiguousarray(np.rot90(photo, turn))).items():
        straight = measured(photo)[name]
        assert np.median(plane) == pytest.approx(np.median(straight), abs=0.1), name
