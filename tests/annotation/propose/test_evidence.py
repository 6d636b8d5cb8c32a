from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from annotation.propose.evidence import NAMES, pair_evidence, smooth

Pixels = npt.NDArray[np.uint8]
Photo = Callable[[str], Pixels]


def measured(blurred: npt.NDArray[np.float32], sharp: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    planes = pair_evidence(blurred, sharp)
    assert planes.shape == (*blurred.shape[:2], len(NAMES))
    assert planes.dtype == np.float32
    assert np.isfinite(planes).all()
    return dict(zip(NAMES, np.moveaxis(planes, -1, 0), strict=True))


def test_each_kind_of_evidence_sees_a_place_that_was_smeared(wheel_photo: Photo) -> None:
    sharp = wheel_photo("chelsea").astype(np.float32)
    blurred = sharp.copy()
    blurred[100:200, 150:300] = cv2.blur(sharp, (31, 1))[100:200, 150:300]
    grain = np.random.default_rng(0).normal(0, 2, (2, *sharp.shape)).astype(np.float32)
    found = measured(blurred + grain[0], sharp + grain[1])
    inside, outside = (slice(110, 190), slice(160, 290)), (slice(210, 290), slice(160, 290))
    for name in ("difference 1", "difference 2", "difference 4", "energy 4", "energy 10", "surrounded 0.1 mean"):
        assert found[name][inside].mean() > found[name][outside].mean() + 0.1, name
    for name in ("detail lost 2", "detail lost 5", "correlation 3", "correlation 8"):
        assert found[name][inside].mean() < found[name][outside].mean() - 0.1, name


def test_more_noise_alone_is_no_evidence(wheel_photo: Photo) -> None:
    sharp = wheel_photo("chelsea").astype(np.float32)
    rng = np.random.default_rng(0)
    found = []
    for sigma in (1, 5):
        frames = [(sharp + rng.normal(0, sigma, sharp.shape)).astype(np.float32) for _ in range(2)]
        found.append(measured(*frames))
    judged, plain = (found[1][name].mean() - found[0][name].mean() for name in ("difference 2", "plain difference 2"))
    assert plain > 0.5
    assert judged < plain / 2
    assert found[1]["detail lost 5"].mean() == pytest.approx(found[0]["detail lost 5"].mean(), abs=0.05)


def test_an_even_middle_is_surrounded_by_what_is_seen_at_its_rim() -> None:
    sharp = np.full((200, 300, 3), 100, np.float32)
    blurred = sharp.copy()
    cv2.circle(blurred, (150, 100), 25, (160, 160, 160), 4)
    found = measured(blurred, sharp)["surrounded 0.1 least"]
    assert found[100, 150] > 0.5
    assert found[20, 20] < 0.1


@pytest.mark.parametrize("sigma", [0.7, 3.0, 5.0, 12.0])
def test_smoothing_on_a_smaller_picture_is_as_good(wheel_photo: Photo, sigma: float) -> None:
    plane = wheel_photo("coffee")[..., 0].astype(np.float32)
    exact = cv2.GaussianBlur(plane, (0, 0), sigma)
    assert np.abs(smooth(plane, sigma) - exact)[30:-30, 30:-30].max() < 4


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (9, 9)])
def test_very_small_frames_have_evidence_too(size: tuple[int, int]) -> None:
    frames = [np.random.default_rng(seed).uniform(0, 255, (*size, 3)).astype(np.float32) for seed in (0, 1)]
    measured(*frames)
