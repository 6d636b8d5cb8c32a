"""Gaussian noise on crops."""

from __future__ import annotations

import numpy as np
import pytest

from million_ird.errors import UsageError
from million_ird.patches import Box
from pretrain.degradations import GaussianNoise
from pretrain.degradations.noise import noisy_levels
from tests.pretrain.degradations.crops import cut, degrade_crop, noise_picture

BOX = Box(5, 3, 20, 16)


def test_noise_is_that_of_evaluation() -> None:
    picture = noise_picture(40, 30)
    made = degrade_crop(GaussianNoise(25, "truncated"), picture, BOX, seed=4)
    normal = np.random.default_rng(4).standard_normal((16, 20, 3))
    np.testing.assert_array_equal(made.input, noisy_levels(cut(picture, BOX), normal, 25, "truncated"))
    np.testing.assert_array_equal(made.target, cut(picture, BOX))
    assert made.input.dtype == np.uint8
    assert made.mask is None


def test_float_noise_is_neither_clipped_nor_rounded() -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    made = degrade_crop(GaussianNoise(50, "float"), white, Box(0, 0, 64, 64))
    assert made.input.dtype == np.float32
    assert made.input.max() > 300
    assert np.std(made.input) == pytest.approx(50, rel=0.03)
    assert np.mean(made.input) == pytest.approx(255, abs=2)


def test_the_crop_alone_is_needed() -> None:
    noise = GaussianNoise(15, "float")
    assert noise.region(BOX, 100, 100) == BOX
    assert noise.scale == 1


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf")])
def test_a_sigma_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(UsageError, match="sigma must be above 0"):
        GaussianNoise(sigma, "float")
