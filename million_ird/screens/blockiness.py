"""Whether the pixels carry the 8 × 8 grid of strong JPEG compression, whatever the file's format is now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from million_ird.screens.photo import Photo
from million_ird.screens.screen import Screen

_BLOCK = 8
_SHIFT = 4  # the second grid lies halfway between the lines of the first


def blockiness(photo: Photo) -> float | None:
    """How differently DCT blocks vary on the JPEG grid and on a grid shifted by (4, 4); 0 or more, None below 32 × 32.

    For each of the 64 DCT frequencies f, over all inner blocks b with neighbours left, right, above, below,

        V(f) = mean of √((left + right − 2 b)² + (above + below − 2 b)²),   D = Σ_f |V_shifted(f) − V(f)| / V(f).

    Without compression both grids see the same statistics and D is near 0; quantisation empties the high frequencies of
    the true grid only. Bhardwaj & Pankajakshan, "A JPEG blocking artifact detector for image forensics" (2018), as used
    by DiverSeg (ECCV 2024) and the community's BHI filter. They take every block of the picture, this the blocks of the
    sampled windows: the floor of an uncompressed picture is higher, because fewer blocks average out (docs/screens.md).

    A frequency that is empty on both grids says nothing and is left out; one that is empty on the true grid alone would
    count infinitely, so V is held at a hundredth of a grey level or above.
    """
    windows = [window for window in photo.windows if min(window.shape) >= 4 * _BLOCK]
    if not windows:
        return None
    aligned = _mean_variation(windows)
    shifted = _mean_variation([window[_SHIFT:, _SHIFT:] for window in windows])
    return float(np.sum(np.abs(shifted - aligned) / np.maximum(aligned, 0.01)))


def _mean_variation(windows: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """V of the docstring above over the inner blocks of all `windows`; (64,)."""
    total, count = np.zeros(_BLOCK * _BLOCK), 0
    for window in windows:
        dct = _block_dct(window)
        inner = dct[1:-1, 1:-1]
        across = dct[1:-1, :-2] + dct[1:-1, 2:] - 2 * inner
        down = dct[:-2, 1:-1] + dct[2:, 1:-1] - 2 * inner
        across *= across
        down *= down
        across += down
        total += np.sqrt(across, out=across).sum(axis=(0, 1), dtype=np.float64)
        count += inner.shape[0] * inner.shape[1]
    return total / count


def _block_dct(window: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The orthonormal 8 × 8 DCT-II of every whole block; (rows, columns, 64) float32."""
    rows, columns = window.shape[0] // _BLOCK, window.shape[1] // _BLOCK
    cells = window[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    blocks = cells.transpose(0, 2, 1, 3).reshape(rows * columns, _BLOCK * _BLOCK).astype(np.float32)
    return (blocks @ _BASIS).reshape(rows, columns, _BLOCK * _BLOCK)


def _dct_basis() -> NDArray[np.float32]:
    """(64, 64): pixel values of a block, as a row vector, times this are its DCT coefficients."""
    frequency, position = np.mgrid[:_BLOCK, :_BLOCK]
    one = np.cos((2 * position + 1) * frequency * np.pi / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    one[0] = np.sqrt(1 / _BLOCK)
    return np.ascontiguousarray(np.kron(one, one).T, np.float32)


_BASIS = _dct_basis()

SCREEN = Screen(
    name="blockiness",
    unit="sum of 64 relative deviations, 0 or more",
    digits=2,
    measured_on="luma, whole up to 1 megapixel, else 16 windows of 256 × 256",
    source="Bhardwaj & Pankajakshan 2018; DiverSeg, ECCV 2024",
    cost="cheap",
    measure=blockiness,
)
