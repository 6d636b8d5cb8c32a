"""Whole pictures degraded."""

from __future__ import annotations

import numpy as np

from pretrain.degradations import GaussianNoise, degrade_whole
from tests.pretrain.degradations.crops import noise_picture


def test_only_the_name_without_its_suffix_decides_what_is_drawn() -> None:
    clean = noise_picture(20, 30)
    first, same, other = (
        degrade_whole(GaussianNoise(25, "truncated"), clean, name).input for name in ("a.png", "a.jpg", "b.png")
    )
    assert first.shape == clean.shape
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
