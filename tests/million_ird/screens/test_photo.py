from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from million_ird.screens import Photo
from million_ird.screens.photo import spread_windows

MakePhoto = Callable[[np.ndarray], Photo]


def test_luma_is_bt601(photo_from_pixels: MakePhoto) -> None:
    rgb = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    assert photo_from_pixels(rgb).luma.tolist() == [[76, 150, 29, 18]]


def test_small_image_is_its_own_window() -> None:
    image = np.zeros((1024, 1024), np.uint8)
    assert [w.shape for w in spread_windows(image, 256, 4)] == [(1024, 1024)]
    assert [w.shape for w in spread_windows(np.zeros((3, 5), np.uint8), 256, 4)] == [(3, 5)]


@pytest.mark.parametrize(("height", "width"), [(1301, 1450), (1025, 1024), (300, 4000), (100, 12_000), (2200, 511)])
def test_windows_are_disjoint_aligned_and_inside(height: int, width: int) -> None:
    # Each pixel carries its own position, so a window tells where it was taken.
    y, x = np.mgrid[:height, :width]
    position = (y * width + x).astype(np.int64)
    windows = list(spread_windows(position, 256, 4))  # type: ignore[arg-type]
    assert 1 <= len(windows) <= 16
    assert all(max(w.shape) <= 256 for w in windows)
    corners = [divmod(int(w[0, 0]), width) for w in windows]
    assert all(top % 16 == 0 and left % 16 == 0 for top, left in corners)
    seen = np.concatenate([w.ravel() for w in windows])
    assert len(np.unique(seen)) == len(seen)
    assert all(w.shape == (min(256, height), min(256, width)) for w in windows)


def test_windows_depend_on_the_size_alone(photo_from_pixels: MakePhoto) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1200, 1300), np.uint8)
    one, two = (photo_from_pixels(image).windows for _ in range(2))
    assert len(one) == 16
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_pixel_sample_holds_enough_pixels_and_meets_every_block_position(photo_from_pixels: MakePhoto) -> None:
    columns = np.tile(np.arange(2000, dtype=np.uint16) % 8, (1600, 1)).astype(np.uint8)
    sample = photo_from_pixels(columns).pixel_sample
    assert sample.shape[0] * sample.shape[1] >= 250_000
    share = np.bincount(sample[..., 0].ravel(), minlength=8) / sample[..., 0].size
    assert share == pytest.approx(np.full(8, 1 / 8), abs=0.005)


def test_pixel_sample_of_a_small_image_is_the_image(photo_from_pixels: MakePhoto) -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    assert np.array_equal(photo_from_pixels(image).pixel_sample, image)


@pytest.mark.parametrize(
    ("height", "width", "every"), [(1000, 1000, 1), (1999, 2000, 1), (2500, 2000, 2), (4000, 3000, 6)]
)
def test_bands_hold_about_two_megapixels(height: int, width: int, every: int, photo_from_pixels: MakePhoto) -> None:
    photo = photo_from_pixels(np.zeros((height, width), np.uint8))
    rows = np.concatenate([np.arange(height)[band] for band in photo.bands])
    assert np.array_equal(rows, [row for row in range(height) if row // 32 % every == 0])


def test_threads_do_not_change_a_number(photo_from_pixels: MakePhoto, wheel_photo: Callable[[str], np.ndarray]) -> None:
    from million_ird.screens import SCREENS, measure_all

    before, found = cv2.getNumThreads(), []
    try:
        for threads in (1, 2, 4):
            cv2.setNumThreads(threads)
            found.append(measure_all(photo_from_pixels(wheel_photo("retina")), SCREENS))
    finally:
        cv2.setNumThreads(before)
    assert found[0] == found[1] == found[2]
