"""Outlines of drawn masks, of enlarged ones and of thresholded noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from annotation.check.outline import neighbour_share, roughness, spacing
from annotation.mask import Mask, decode_mask


def _blob(seed: int, size: int = 300) -> Mask:
    """A smooth, irregular shape, such as a hand draws."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 200)
    waves = sum(rng.normal(0, 0.12 / n) * np.cos(n * angles + rng.uniform(0, 6)) for n in range(1, 6))
    radius = size * 0.3 * (1 + waves)
    points = np.stack((size / 2 + radius * np.cos(angles), size / 2 + radius * np.sin(angles)), axis=1)
    canvas = np.zeros((size, size), np.uint8)
    cv2.fillPoly(canvas, [points.round().astype(np.int32)], 1)
    return canvas > 0


def _enlarged(mask: Mask, factor: float, interpolation: int) -> Mask:
    height, width = mask.shape
    small = cv2.resize(
        mask.astype(np.uint8) * 255, (int(width / factor), int(height / factor)), interpolation=cv2.INTER_AREA
    )
    small = np.asarray(small > 127).astype(np.uint8) * 255
    return np.asarray(cv2.resize(small, (width, height), interpolation=interpolation) > 127)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("factor", [2, 2.5, 3, 4, 8])
def test_enlarging_without_smoothing_shows(seed: int, factor: float) -> None:
    mask = _blob(seed)
    drawn = neighbour_share(mask)
    assert drawn is not None and drawn > 0.7
    enlarged = _enlarged(mask, factor, cv2.INTER_NEAREST)
    assert neighbour_share(enlarged) == 0
    assert spacing(enlarged) == pytest.approx(factor, abs=0.6)


def test_enlarging_with_smoothing_leaves_an_outline_like_a_drawn_one() -> None:
    share = neighbour_share(_enlarged(_blob(0), 4, cv2.INTER_CUBIC))
    assert share is not None and share > 0.5


def test_boxes_and_empty_masks_say_nothing() -> None:
    mask = np.zeros((300, 300), bool)
    assert neighbour_share(mask) is None and roughness(mask) is None
    mask[50:250, 60:200] = True
    assert neighbour_share(mask) is None, "a box has two columns of outline"
    ratio = roughness(mask)
    assert ratio is not None and ratio < 1.1
    assert roughness(np.ones((1, 5), bool)) is None


@pytest.mark.parametrize("seed", range(4))
def test_noise_makes_an_outline_rough_and_a_staircase_does_not(seed: int) -> None:
    mask = _blob(seed)
    noise = np.random.default_rng(seed).normal(0, 0.4, mask.shape)
    noisy = cv2.GaussianBlur(cv2.GaussianBlur(mask.astype(np.float64), (0, 0), 6) + noise, (0, 0), 1) > 0.5
    ratios = [roughness(each) for each in (mask, _enlarged(mask, 4, cv2.INTER_NEAREST), noisy)]
    assert ratios[0] is not None and ratios[1] is not None and ratios[2] is not None
    assert ratios[0] < 1.1 and ratios[1] < 1.1
    assert ratios[2] > 1.4


def test_specks_far_from_the_outline_do_not_make_it_rough() -> None:
    mask = _blob(1)
    speckled = mask.copy()
    speckled[5:60:5, 5:60:5] = True
    assert roughness(speckled) == pytest.approx(roughness(mask), abs=0.02)


def test_published_masks_are_neither_jagged_nor_resampled(shared_data: Path) -> None:
    for path in sorted((shared_data / "blur").glob("*/mask/*.png")):
        mask = decode_mask(path.read_bytes())
        share, ratio = neighbour_share(mask), roughness(mask)
        assert share is not None and share > 0.7, path
        assert ratio is not None and ratio < 1.15, path
