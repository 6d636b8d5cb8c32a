"""Levels and numbers from 0 to 1."""

from __future__ import annotations

import numpy as np
import pytest

from million_ird.errors import DatasetError
from pretrain.levels import to_pixels, to_unit


def test_levels_come_back_as_they_were() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    seen = to_unit(levels)
    assert seen.dtype == np.float32
    assert (seen.min(), seen.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(to_pixels(seen), levels)


def test_levels_that_are_no_whole_numbers_stay_so() -> None:
    np.testing.assert_allclose(to_unit(np.array([-25.5, 280.5])), [-0.1, 1.1], rtol=1e-6)


def test_pixels_are_rounded_and_clipped() -> None:
    odd = np.array([[[-0.5, 1.7, 0.5 / 255 + 1e-4]]], np.float32)
    assert to_pixels(odd).tolist() == [[[0, 255, 1]]]


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DatasetError, match="not finite"):
        to_pixels(np.full((1, 1, 3), np.nan, np.float32))
