from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from annotation.propose import SingleSettings, propose_single
from million_ird.errors import UsageError
from tests.annotation.scenes import scene

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Photo = Callable[[str], Pixels]


def half_blurred(photo: Pixels, radius: float = 5.0) -> tuple[Pixels, Mask]:
    """The right half out of focus."""
    mask = np.zeros(photo.shape[:2], np.bool_)
    mask[:, photo.shape[1] // 2 :] = True
    blurred = cv2.GaussianBlur(photo, (0, 0), radius)
    return np.where(mask[..., None], blurred, photo), mask


def overlap(first: Mask, second: Mask) -> float:
    return float((first & second).sum() / max((first | second).sum(), 1))


@pytest.mark.parametrize("name", ["china", "coffee", "motorcycle"])
def test_the_half_out_of_focus_is_found(wheel_photo: Photo, name: str) -> None:
    frame, mask = half_blurred(wheel_photo(name))
    found = propose_single(frame)
    assert found.registration is None
    assert overlap(found.mask, mask) > 0.6
    assert 0.4 < found.confidence <= 1
    assert "sharpness alone" in found.note


def test_the_mask_follows_the_blur_and_not_the_picture(wheel_photo: Photo) -> None:
    photo = wheel_photo("motorcycle")
    frame, mask = half_blurred(photo)
    turned = np.where(mask[..., None], photo, cv2.GaussianBlur(photo, (0, 0), 5))
    right, left = (propose_single(picture).mask for picture in (frame, turned))
    assert right[mask].mean() > right[~mask].mean() + 0.4
    assert left[~mask].mean() > left[mask].mean() + 0.4


def test_a_sharp_texture_is_left_alone() -> None:
    sharp = scene(0)[1]
    assert propose_single(sharp).mask.mean() < 0.1
    assert propose_single(np.asarray(cv2.GaussianBlur(sharp, (0, 0), 4), np.uint8)).mask.mean() > 0.9


def test_a_large_picture_gets_a_mask_of_its_own_size(wheel_photo: Photo) -> None:
    frame, mask = half_blurred(wheel_photo("china"), 6)
    large = np.asarray(cv2.resize(frame, (1501, 1001), interpolation=cv2.INTER_LANCZOS4), np.uint8)
    truth = cv2.resize(mask.astype(np.uint8), (1501, 1001), interpolation=cv2.INTER_NEAREST) > 0
    found = propose_single(large)
    assert found.mask.shape == (1001, 1501)
    assert overlap(found.mask, truth) > 0.5


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (23, 23), (24, 24), (30, 900)])
def test_very_small_frames_are_no_failure(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    found = propose_single(frame)
    assert found.mask.shape == size
    assert 0 <= found.confidence <= 1
    assert (found.confidence > 0) <= found.mask.any()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_one_even_grey_is_no_failure(value: int) -> None:
    found = propose_single(np.full((100, 150, 3), value, np.uint8))
    assert found.mask.shape == (100, 150)
    assert np.isfinite(found.confidence)


@pytest.mark.parametrize("wrong", [{"seed": 0.3, "grow": 0.5}, {"largest_hole": 1.0}, {"bridge": -0.1}])
def test_settings_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        SingleSettings(**wrong)
