"""The flatness measure against a plain computation, and against what it is for."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from million_ird.flatness import (
    block_variance_from_pixels,
    coarse_energy,
    coarse_weights,
    flat_fraction,
    rgb_coarse_energy,
    rgb_luma_part,
)
from million_ird.patches import PatchSettings

LIMIT = PatchSettings().flat_variance


def plain_block_variance(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Cell by cell: the coarse half of the DCT put back into pixels, and the variance of those."""
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    variance = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            terms = cv2.dct(luma[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8].astype(np.float64))
            terms[4:], terms[:, 4:] = 0, 0
            variance[row, column] = cv2.idct(terms).var()
    return variance


def noise(sigma: float, level: float = 120, side: int = 256) -> npt.NDArray[np.uint8]:
    values = level + np.random.default_rng(1).normal(0, sigma, (side, side))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (8, 24), (90, 71), (200, 16)])
def test_it_is_the_variance_of_the_coarse_half(height: int, width: int) -> None:
    luma = np.random.default_rng(height).integers(0, 256, (height, width), dtype=np.uint8)
    found = block_variance_from_pixels(luma)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain_block_variance(luma), rtol=1e-6, atol=1e-6)


def test_a_picture_smaller_than_a_cell_has_none_and_counts_as_flat() -> None:
    variance = block_variance_from_pixels(np.zeros((7, 30), np.uint8))
    assert variance.shape == (0, 3)
    assert flat_fraction(variance, LIMIT) == 1.0


def test_a_uniform_picture_is_flat_at_any_limit_above_zero() -> None:
    variance = block_variance_from_pixels(np.full((64, 64), 255, np.uint8))
    assert flat_fraction(variance, 1e-6) == 1.0
    assert flat_fraction(variance, 0.0) == 0.0


def test_white_noise_adds_fifteen_of_64_parts() -> None:
    assert block_variance_from_pixels(noise(8)).mean() == pytest.approx(8**2 * 15 / 64, rel=0.05)


@pytest.mark.parametrize(("sigma", "low", "high"), [(1, 1.0, 1.0), (3, 1.0, 1.0), (4, 0.99, 1.0), (12, 0.0, 0.02)])
def test_grain_does_not_hide_a_flat_area(sigma: float, low: float, high: float) -> None:
    assert low <= flat_fraction(block_variance_from_pixels(noise(sigma)), LIMIT) <= high


def test_a_gentle_gradient_is_flat_and_a_steep_one_is_not() -> None:
    ramp = np.arange(256)[None, :] * np.ones((256, 1))
    assert flat_fraction(block_variance_from_pixels((ramp / 2).astype(np.uint8)), LIMIT) == 1.0
    assert flat_fraction(block_variance_from_pixels(((ramp * 3) % 256).astype(np.uint8)), LIMIT) == 0.0


def test_photographs_of_texture_are_not_flat_and_of_sky_are(
    wheel_photo: Callable[[str], npt.NDArray[np.uint8]],
) -> None:
    def share(name: str, rows: slice, columns: slice) -> float:
        luma = np.asarray(cv2.cvtColor(wheel_photo(name), cv2.COLOR_RGB2GRAY), np.uint8)[rows, columns]
        return flat_fraction(block_variance_from_pixels(np.ascontiguousarray(luma)), LIMIT)

    assert share("china", slice(0, 64), slice(300, 640)) > 0.9  # overcast sky
    assert share("flower", slice(0, 80), slice(0, 80)) > 0.8  # blurred background
    assert share("camera", slice(0, 96), slice(0, 96)) > 0.9  # sky
    assert share("chelsea", slice(100, 260), slice(100, 260)) < 0.5  # fur
    assert share("motorcycle", slice(200, 400), slice(200, 500)) < 0.2


def quantised(luma: npt.NDArray[np.float64], table: npt.NDArray[np.int64]) -> npt.NDArray[np.int16]:
    """Quantised DCT coefficients of the 8×8 blocks of a picture, shape (rows, columns, 64)."""
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    blocks = np.empty((rows, columns, 64), np.int16)
    for row in range(rows):
        for column in range(columns):
            terms = cv2.dct(luma[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] - 128)
            blocks[row, column] = np.rint(terms.ravel() / table)
    return blocks


def test_coefficients_and_pixels_agree() -> None:
    luma = noise(30, side=64)
    table = np.ones(64, np.int64)
    energy = coarse_energy(quantised(luma.astype(np.float64), table), coarse_weights(tuple(table)))
    np.testing.assert_allclose(energy / 64, block_variance_from_pixels(luma), rtol=0.05)


def test_the_quantisation_table_counts() -> None:
    coefficients = np.zeros((1, 64), np.int16)
    coefficients[0, [0, 1, 8, 27, 4, 32, 63]] = (1000, 3, -2, 1, 50, 50, 50)
    table = tuple(range(1, 65))
    expected = (3 * 2) ** 2 + (2 * 9) ** 2 + 28**2  # neither DC nor the upper half
    assert coarse_energy(coefficients, coarse_weights(table))[0] == expected


def test_the_sums_are_exact_in_any_order() -> None:
    rng = np.random.default_rng(2)
    coefficients = rng.integers(-40, 41, (500, 64), dtype=np.int16)
    table = tuple(int(q) for q in rng.integers(1, 20, 64))
    exact = [sum((int(block[k]) * table[k]) ** 2 for k in range(1, 28) if k % 8 < 4) for block in coefficients]
    np.testing.assert_array_equal(coarse_energy(coefficients, coarse_weights(table)).astype(np.int64), exact)


def test_luma_of_rgb_coefficients() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(60, 190, (32, 32, 3)).astype(np.float64)
    table = (1,) * 64
    parts = [
        rgb_luma_part(i, quantised(np.ascontiguousarray(rgb[..., i]), np.ones(64, np.int64)), table) for i in range(3)
    ]
    found = rgb_coarse_energy(parts[0] + parts[1] + parts[2]) / 64
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(found, block_variance_from_pixels(np.rint(luma).astype(np.uint8)), rtol=0.05)
