"""How much of a picture is flat: the share of 8×8 cells whose luma hardly varies.

A cell is flat if the variance of its 64 luma values is below a threshold (`flat_variance`, squared grey levels of
0..255). Two routes measure that variance:

* from quantised DCT coefficients, without decoding a pixel. The JPEG transform is orthonormal, so by Parseval's theorem
  the variance of a block is its AC energy / 64, where AC energy = Σ (coefficient × quantiser)² over the 63 AC terms;
* from decoded pixels, for patches that are not cut in the coefficient domain.

The routes differ by what a decoder adds (rounding to whole levels, about 1/12, and clipping to 0..255). Within one
route the numbers are the same on every machine: all sums are whole numbers that their type holds exactly, so neither
the order of summation nor fused multiply-adds can change them. How the threshold was found: docs/flatness.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CELL = 8
"""Side of a cell in pixels: the JPEG block."""

BlockVariance = npt.NDArray[np.float32]
"""Luma variance of every cell, shape (height / 8, width / 8), squared grey levels."""


def ac_weights(quantisation: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Squared quantisers of one component, shape (64,), row-major, with the DC term's set to zero."""
    weights = np.square(np.asarray(quantisation, np.float32))
    weights[0] = 0
    return weights


def ac_energy(coefficients: npt.NDArray[np.int16], weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """AC energy of blocks of quantised coefficients.

    Args:
        coefficients: int16, shape (…, 64), row-major within a block.
        weights: what `ac_weights` gave for the component.

    Returns:
        float32, shape (…); divided by 64 it is the variance of the block. Exact below 2**24, which is 16 times more
        than any 8-bit block can have.
    """
    squares = coefficients.astype(np.float32)
    np.multiply(squares, squares, out=squares)
    energy: npt.NDArray[np.float32] = np.matmul(squares, weights)
    return energy


_RGB_TO_LUMA = (299, 587, 114)  # ITU-R BT.601 in thousandths: whole numbers, so that the sums stay exact


def rgb_luma_part(
    component: int, coefficients: npt.NDArray[np.int16], quantisation: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """What one component (0 red, 1 green, 2 blue) of an RGB JPEG adds to the luma coefficients, times 1000.

    The DCT is linear, so the luma coefficients are the sum of the three parts.
    """
    return coefficients * (_RGB_TO_LUMA[component] * np.asarray(quantisation, np.float64))


def rgb_ac_energy(luma: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """AC energy, float32, shape (…), of luma coefficients times 1000, shape (…, 64)."""
    energy: npt.NDArray[np.float64] = np.square(luma[..., 1:]).sum(axis=-1) / 1_000_000
    return energy.astype(np.float32)


def block_variance_from_pixels(luma: npt.NDArray[np.uint8]) -> BlockVariance:
    """Variance of every whole 8×8 cell of a (H, W) uint8 luma picture, counted from its upper left corner."""
    rows, columns = luma.shape[0] // CELL, luma.shape[1] // CELL
    pixels = luma[: rows * CELL, : columns * CELL]
    total = _cell_sums(pixels).astype(np.int64)
    squares = _cell_sums(np.multiply(pixels, pixels, dtype=np.uint16)).astype(np.int64)
    area = CELL * CELL
    return ((area * squares - total * total) / (area * area)).astype(np.float32)


def _cell_sums(values: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> npt.NDArray[np.uint32]:
    """Sums over 8×8 cells of an array whose sides are multiples of 8."""
    height, width = values.shape
    strips = values.reshape(height // CELL, CELL, width).sum(axis=1, dtype=np.uint32)
    cells: npt.NDArray[np.uint32] = strips.reshape(height // CELL, width // CELL, CELL).sum(axis=2, dtype=np.uint32)
    return cells


def flat_fraction(block_variance: BlockVariance, flat_variance: float) -> float:
    """Share of cells, 0..1, whose variance is below `flat_variance` (squared grey levels); 1.0 if there is no cell."""
    if block_variance.size == 0:
        return 1.0
    return round(float(np.count_nonzero(block_variance < np.float32(flat_variance))) / block_variance.size, 6)
