from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from million_ird.errors import UsageError
from million_ird.local_blur import BlurredPair, LocalBlurSettings, blur_locally

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]


def made(photo: Pixels, seed: int, **settings: object) -> BlurredPair:
    return blur_locally(photo, np.random.default_rng(seed), LocalBlurSettings(**settings))  # type: ignore[arg-type]


def away_from(mask: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), square) == 0)


def test_the_same_state_gives_the_same_pair_and_another_another(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    first, second, third = made(photo, 1), made(photo, 1), made(photo, 2)
    assert np.array_equal(first.blurred, second.blurred)
    assert np.array_equal(first.mask, second.mask)
    assert first.movements == second.movements
    assert not np.array_equal(first.blurred, third.blurred)


@pytest.mark.parametrize("borrowed", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_frames_differ_inside_the_mask_and_nowhere_else(wheel_photo: Photo, borrowed: float, seed: int) -> None:
    photo = wheel_photo("coffee")
    pair = made(photo, seed, borrowed=borrowed, size=(0.2, 0.5), trail=(0.03, 0.1))
    assert pair.blurred.shape == pair.sharp.shape == photo.shape
    assert 0.001 < pair.mask.mean() < 0.8
    outside = away_from(pair.mask, 6)  # what is left of soft edges beyond a tenth of opacity
    assert np.array_equal(pair.blurred[outside], pair.sharp[outside])
    assert np.array_equal(pair.blurred[outside], photo[outside])
    inside = np.abs(pair.blurred.astype(int) - pair.sharp)[pair.mask]
    assert inside.mean() > 1


def test_an_object_that_moves_where_it_stands_leaves_the_sharp_frame_nearly_as_the_photograph(
    wheel_photo: Photo,
) -> None:
    photo = wheel_photo("coffee")
    pair = made(photo, 3, borrowed=0.0, objects=(1, 1), instant=(0.5, 0.5))
    assert np.abs(pair.sharp.astype(int) - photo).mean() < 1


def test_borrowed_objects_come_from_the_other_photograph(wheel_photo: Photo) -> None:
    photo, red = wheel_photo("coffee"), np.zeros((50, 60, 3), np.uint8)
    red[..., 0] = 200
    settings = LocalBlurSettings(borrowed=1.0, objects=(1, 1), size=(0.3, 0.4), trail=(0.01, 0.02), turn=0, swell=0)
    pair = blur_locally(photo, np.random.default_rng(0), settings, red)
    core = cv2.erode(pair.mask.astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
    assert core.any()
    assert pair.sharp[core][:, 0].min() > 100
    assert pair.sharp[core][:, 1:].max() < 5


def test_gain_and_misalignment_are_there_and_told(wheel_photo: Photo) -> None:
    photo = wheel_photo("coffee")
    pair = made(photo, 5, gain=0.3, misalignment=2.0, size=(0.1, 0.1))
    outside = away_from(pair.mask, 8)
    assert 0.7 <= pair.gain <= 1.3
    assert pair.gain != 1
    brighter = np.median(pair.blurred[outside].astype(float)) / np.median(pair.sharp[outside].astype(float))
    assert brighter == pytest.approx(pair.gain ** (1 / 2.4), rel=0.06)
    assert 0 < max(map(abs, pair.displacement)) <= 2


def test_noise_is_as_strong_as_told() -> None:
    pair = made(np.full((200, 300, 3), 120, np.uint8), 5, noise=(4.0, 4.0))
    assert pair.noise == 4
    assert pair.blurred.std() == pytest.approx(4, rel=0.05)
    assert pair.sharp.std() == pytest.approx(4, rel=0.05)
    assert abs(np.corrcoef(pair.blurred.ravel(), pair.sharp.ravel())[0, 1]) < 0.05


def test_without_noise_and_gain_they_say_so(wheel_photo: Photo) -> None:
    pair = made(wheel_photo("coffee"), 1)
    assert (pair.gain, pair.noise, pair.displacement) == (1.0, 0.0, (0.0, 0.0))
    assert 1 <= len(pair.movements) <= 2


def test_a_photograph_of_almost_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="32 pixels"):
        made(np.zeros((20, 200, 3), np.uint8), 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"objects": (0, 2)},
        {"size": (0.5, 0.2)},
        {"size": (0.1, 1.5)},
        {"trail": (0.0, 0.1)},
        {"borrowed": 1.2},
        {"noise": (-1.0, 2.0)},
        {"gain": 1.0},
        {"misalignment": -0.1},
        {"instant": (0.2, 1.4)},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        LocalBlurSettings(**wrong)  # type: ignore[arg-type]
