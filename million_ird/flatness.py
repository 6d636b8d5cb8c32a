"""How much of a picture is flat: the share of 8×8 cells whose luma hardly varies at a coarse scale.

A cell's *block variance* is that part of the variance of its 64 luma values (0..255) which lies in the 4×4 lowest
frequencies of its DCT: 15 AC terms, the lower half of the frequencies in each direction. A cell is flat if it is below
`flat_variance`. The upper frequencies are left out because grain lives there: white noise of standard deviation σ adds
σ²·63/64 to the whole variance of a cell, but only σ²·15/64 to this one, so that a noisy sky stays flat.

The DCT is orthonormal, so by Parseval's theorem the variance is Σ (coefficient)² / 64 over those terms. It is had

* from quantised JPEG coefficients (coefficient × quantiser), without decoding a pixel;
* from decoded pixels, by the same transform, for patches that are not cut in the coefficient domain.

The routes differ by what a decoder adds: rounding to whole levels (about 15/64 · 1/12) and clipping to 0..255. Within
the first route the numbers are the same on every machine: all sums are whole numbers that their type holds exactly, so
neither the order of summation nor fused multiply-adds change them. How the threshold was found: docs/flatness.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CELL = 8
"""Side of a cell in pixels: the JPEG block."""

_COARSE = 4  # frequencies kept in each direction
COARSE_TERMS = (_COARSE - 1) * CELL + _COARSE
"""How many of a block's 64 row-major coefficients reach to the last coarse one."""

BlockVariance = npt.NDArray[np.float32]
"""Coarse luma variance of every cell, shape (height / 8, width / 8), squared grey levels."""


def _kept() -> npt.NDArray[np.bool_]:
    kept = np.zeros((CELL, CELL), np.bool_)
    kept[:_COARSE, :_COARSE] = True
    kept[0, 0] = False
    return kept.reshape(-1)[:COARSE_TERMS]


def coarse_weights(quantisation: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Squared quantisers of the coarse AC terms of one component, zero for others; for `coarse_energy`."""
    return np.square(np.asarray(quantisation[:COARSE_TERMS], np.float32)) * _kept()


def coarse_energy(coefficients: npt.NDArray[np.int16], weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Energy of the coarse AC terms of blocks of quantised coefficients.

    Args:
        coefficients: int16, shape (…, 64), row-major within a block.
        weights: what `coarse_weights` gave for the component.

    Returns:
        float32, shape (…); divided by 64 it is the block variance. Exact below 2**24, which is 16 times more than any
        8-bit block can have.
    """
    squares = coefficients[..., :COARSE_TERMS].astype(np.float32)
    np.multiply(squares, squares, out=squares)
    energy: npt.NDArray[np.float32] = np.matmul(squares, weights)
    return energy


_RGB_TO_LUMA = (299, 587, 114)  # ITU-R BT.601 in thousandths: whole numbers, so that the sums stay exact


def rgb_luma_part(
    component: int, coefficients: npt.NDArray[np.int16], quantisation: tuple[int, ...]
) -> npt.NDArray[np.float64]:
    """What one component (0 red, 1 green, 2 blue) of an RGB JPEG adds to the luma coefficients, times 1000.

    The DCT is linear, so the luma coefficients are the sum of the three parts; for `rgb_coarse_energy`.
    """
    return coefficients[..., :COARSE_TERMS] * (
        _RGB_TO_LUMA[component] * np.asarray(quantisation[:COARSE_TERMS], np.float64)
    )


def rgb_coarse_energy(luma: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """`coarse_energy` of luma coefficients times 1000, as `rgb_luma_part` makes them."""
    energy: npt.NDArray[np.float64] = np.square(luma[..., _kept()]).sum(axis=-1) / 1_000_000
    return energy.astype(np.float32)


def block_variance_from_pixels(luma: npt.NDArray[np.uint8]) -> BlockVariance:
    """Block variance of every whole 8×8 cell of a (H, W) uint8 luma picture, counted from its upper left corner."""
    rows, columns = luma.shape[0] // CELL, luma.shape[1] // CELL
    variance = np.empty((rows, columns), np.float32)
    strip = 8  # rows of cells at a time, so that the intermediate products stay in the processor's cache
    for top in range(0, rows, strip):
        pixels = luma[top * CELL : min(top + strip, rows) * CELL, : columns * CELL]
        variance[top : top + strip] = _strip_variance(pixels.astype(np.float64))
    return variance


def _strip_variance(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Block variance of a picture whose sides are multiples of 8, through its coarse DCT terms."""
    rows, columns = pixels.shape[0] // CELL, pixels.shape[1] // CELL
    basis = _dct_basis()
    down = np.matmul(basis, pixels.reshape(rows, CELL, columns * CELL))
    terms = np.matmul(down.reshape(rows * _COARSE * columns, CELL), basis.T).reshape(rows, _COARSE, columns, _COARSE)
    terms[:, 0, :, 0] = 0
    variance: npt.NDArray[np.float64] = np.square(terms).sum(axis=3).sum(axis=1) / (CELL * CELL)
    return variance


def _dct_basis() -> npt.NDArray[np.float64]:
    """The lowest basis vectors of the orthonormal 8-point DCT-II, shape (4, 8)."""
    frequency, position = np.arange(_COARSE)[:, None], np.arange(CELL)[None, :]
    basis: npt.NDArray[np.float64] = np.sqrt(2 / CELL) * np.cos((2 * position + 1) * frequency * np.pi / (2 * CELL))
    basis[0] /= np.sqrt(2)
    return basis


def flat_fraction(block_variance: BlockVariance, flat_variance: float) -> float:
    """Share of cells, 0..1, whose variance is below `flat_variance` (squared grey levels); 1.0 if there is no cell."""
    if block_variance.size == 0:
        return 1.0
    return round(float(np.count_nonzero(block_variance < np.float32(flat_variance))) / block_variance.size, 6)
