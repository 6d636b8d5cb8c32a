from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from annotation.registration import Registration, RegistrationError, apply, register
from million_ird.local_blur import LocalBlurSettings, blur_locally

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]


def moved(photo: Pixels, dx: float, dy: float, angle: float = 0.0, gain: float = 1.0, noise: float = 1.0) -> Pixels:
    """What the sharp frame looks like whose content lies (dx, dy) to the right and below, turned clockwise."""
    height, width = photo.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1.0))
    matrix[:, 2] += (dx, dy)
    out = cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    grain = np.random.default_rng(0).normal(0, noise, photo.shape)
    return np.clip(np.rint(out * gain + grain), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("dx", "dy", "angle"), [(0, 0, 0), (0.3, -0.2, 0), (2.5, 1.5, 0), (-9, 14, 0), (1.0, -3.0, 0.4), (40, 10, 0)]
)
def test_a_known_displacement_is_found(wheel_photo: Photo, dx: float, dy: float, angle: float) -> None:
    photo = wheel_photo("coffee")
    found = register(photo, moved(photo, dx, dy, angle))
    assert found.trusted, found.reason
    assert found.dx == pytest.approx(dx, abs=0.08)
    assert found.dy == pytest.approx(dy, abs=0.08)
    assert found.angle == pytest.approx(angle, abs=0.05)
    assert found.correlation > 0.98


def test_applying_it_lays_the_sharp_frame_on_the_blurred_one(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    sharp = moved(photo, 3.4, -2.2, 0.3)
    inner = (slice(20, -20), slice(20, -20))
    before = np.abs(photo.astype(int) - sharp)[inner].mean()
    after = np.abs(photo.astype(int) - apply(register(photo, sharp), sharp))[inner].mean()
    assert after < 0.2 * before


@pytest.mark.parametrize("seed", range(3))
def test_what_moves_does_not_draw_the_registration_after_it(wheel_photo: Photo, seed: int) -> None:
    settings = LocalBlurSettings(size=(0.3, 0.4), trail=(0.06, 0.1), misalignment=0.8, gain=0.1, noise=(2, 2))
    pair = blur_locally(wheel_photo("china"), np.random.default_rng(seed), settings, wheel_photo("flower"))
    found = register(pair.blurred, pair.sharp)
    assert found.trusted, found.reason
    assert np.hypot(found.dx - pair.displacement[0], found.dy - pair.displacement[1]) < 0.2


def test_exposure_is_matched(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    found = register(photo, moved(photo, 0.5, 0.5, gain=0.8))
    assert found.gain == pytest.approx(1.25, abs=0.03)
    matched = found.exposure.apply(apply(found, moved(photo, 0.5, 0.5, gain=0.8)))
    assert np.median(np.abs(matched - photo)) < 2.5


def untouched(found: Registration) -> bool:
    return np.array_equal(found.warp, np.eye(2, 3)) and (found.dx, found.dy, found.angle) == (0, 0, 0)


def test_a_scene_without_detail_is_not_registered() -> None:
    rng = np.random.default_rng(0)
    frames = [np.clip(rng.normal(120, 3, (200, 300, 3)), 0, 255).astype(np.uint8) for _ in range(2)]
    found = register(*frames)
    assert not found.trusted
    assert found.reason
    assert untouched(found)


def test_one_even_grey_is_not_registered() -> None:
    grey = np.full((200, 300, 3), 120, np.uint8)
    found = register(grey, grey)
    assert not found.trusted
    assert untouched(found)
    assert np.isfinite(found.correlation)


def test_frames_of_different_scenes_are_not_registered(wheel_photo: Photo) -> None:
    found = register(wheel_photo("china"), wheel_photo("flower"))
    assert not found.trusted
    assert untouched(found)
    assert np.isfinite([found.gain, *found.exposure.offsets]).all()


def test_stripes_offer_a_hold_across_but_cause_no_shift_along_them() -> None:
    columns = 120 + 60 * np.sin(np.arange(300) / 5)
    picture = np.repeat(np.tile(columns, (200, 1))[..., None], 3, axis=2)
    frames = [np.clip(picture + np.random.default_rng(s).normal(0, 3, picture.shape), 0, 255) for s in (1, 2)]
    found = register(*(frame.astype(np.uint8) for frame in frames))
    assert abs(found.dx) < 0.1
    assert abs(found.dy) < 1


def test_frames_of_different_size_cannot_be_a_pair() -> None:
    small, large = np.zeros((40, 60, 3), np.uint8), np.zeros((41, 60, 3), np.uint8)
    with pytest.raises(RegistrationError, match=r"60×40.*60×41"):
        register(small, large)


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (23, 23), (24, 24), (24, 900)])
def test_very_small_frames_are_no_failure(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    found = register(frame, frame)
    assert np.isfinite(found.correlation)
    assert abs(found.dx) < 0.5
    assert apply(found, frame).shape == frame.shape
