"""Polarity: right masks, inverted ones, and pictures that say nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from annotation.check.polarity import agreement
from annotation.mask import decode_mask
from tests.annotation.scenes import scene


@pytest.mark.parametrize("seed", range(3))
def test_right_and_inverted_masks_of_pairs_and_of_single_frames(seed: int) -> None:
    blurred, sharp, mask = scene(seed)
    for frames in ((blurred, sharp), (blurred, None)):
        right = agreement(mask, *frames)
        assert right is not None and right > 0.7
        assert agreement(~mask, *frames) == pytest.approx(-right, abs=0.1)


def test_a_mask_that_has_nothing_to_do_with_the_blur_agrees_little() -> None:
    blurred, sharp, _ = scene(0)
    half = np.zeros(blurred.shape[:2], bool)
    half[: len(half) // 2] = True
    value = agreement(half, blurred, sharp)
    assert value is not None and abs(value) < 0.3


def test_pictures_and_masks_that_say_nothing() -> None:
    blurred, sharp, mask = scene(0)
    assert agreement(mask, np.full_like(blurred, 90)) is None, "flat"
    assert agreement(mask & False, blurred, sharp) is None
    assert agreement(mask | True, blurred, sharp) is None
    assert agreement(mask[:12, :12], blurred[:12, :12], sharp[:12, :12]) is None, "too small"


def test_a_large_picture_is_judged_at_a_smaller_size() -> None:
    blurred, sharp, mask = scene(1)
    frames = (cv2.GaussianBlur(frame.repeat(6, 0).repeat(6, 1), (0, 0), 2) for frame in (blurred, sharp))
    value = agreement(mask.repeat(6, 0).repeat(6, 1), *(np.asarray(frame, np.uint8) for frame in frames))
    assert value is not None and value > 0.7


def test_published_masks_are_never_called_wrong_with_confidence(shared_data: Path) -> None:
    values = []
    for path in sorted((shared_data / "blur/cuhk/mask").iterdir()):
        picture = cv2.imread(str(shared_data / "blur/cuhk/image" / f"{path.stem}.jpg"), cv2.IMREAD_COLOR_RGB)
        mask = decode_mask(path.read_bytes())
        value = agreement(mask, np.asarray(picture, np.uint8))
        assert value is not None
        values.append(value)
    assert min(values) > -0.45 and np.median(values) > 0.6


def test_made_pairs_are_told_apart(shared_data: Path) -> None:
    folder = shared_data / "blur/synthetic_pairs"
    for name in ("00", "02", "07"):  # 02 has the least agreement of the twelve
        frames = [cv2.imread(str(folder / kind / f"{name}.png"), cv2.IMREAD_COLOR_RGB) for kind in ("blur", "sharp")]
        mask = decode_mask((folder / "mask" / f"{name}.png").read_bytes())
        value = agreement(mask, *(np.asarray(frame, np.uint8) for frame in frames))
        assert value is not None and value > 0.5
